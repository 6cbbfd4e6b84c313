"""Names as people write them become full ones, or are refused with what is wrong."""

import pytest

from pubsubctl.broker.naming import Kind, path, project_path
from pubsubctl.errors import InvalidName


@pytest.mark.parametrize("kind", Kind)
def test_an_id_a_full_name_and_a_url_are_all_taken(kind):
    full = f"projects/other.com:p/{kind}s/a-_.~+%25z"
    assert path(kind, "a-_.~+%25z", "mine") == f"projects/mine/{kind}s/a-_.~+%25z"
    assert path(kind, full, "mine") == full
    assert path(kind, f"https://pubsub.googleapis.com/v1/{full}", "mine") == full


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("name", ["", "ab", "1abc", "googabc", "a b c", "a/b", "a" * 256, "projects/p/abc", "äöü"])
def test_what_is_no_name_is_refused_with_the_rule(kind, name):
    with pytest.raises(InvalidName, match=f"is no {kind} name: 3 to 255 letters"):
        path(kind, name, "mine")


def test_a_name_of_another_kind_is_told_as_such():
    with pytest.raises(InvalidName, match="is a topic; a subscription is asked for here"):
        path(Kind.SUBSCRIPTION, "projects/p/topics/abc", "mine")
    with pytest.raises(InvalidName, match="is no topic name"):
        path(Kind.TOPIC, "projects/p/widgets/abc", "mine")


def test_a_project_in_front_is_checked_too():
    with pytest.raises(InvalidName, match="is no project id"):
        path(Kind.TOPIC, "projects/-bad/topics/abc", "mine")
    with pytest.raises(InvalidName, match="is no project id"):
        path(Kind.TOPIC, "abc", "no project")


def test_a_project_is_given_by_its_id_or_in_full():
    assert project_path("my-project") == project_path("projects/my-project") == "projects/my-project"
    with pytest.raises(InvalidName):
        project_path("projects/my/project")
