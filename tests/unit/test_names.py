"""Names are those that the Pub/Sub reference allows."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsubctl.errors import InvalidName
from pubsubctl.names import (
    check_job_id,
    check_project,
    new_batch_id,
    new_job_id,
    short,
    subscription_path,
    topic_path,
)

LETTERS = string.ascii_letters
resource_ids = st.builds(
    str.__add__, st.sampled_from(LETTERS), st.text(LETTERS + string.digits + "-_.~+%", min_size=2, max_size=254)
).filter(lambda name: not name.startswith("goog"))
projects = st.from_regex(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", fullmatch=True)


@given(projects, resource_ids)
def test_a_name_and_its_full_form_are_the_same(project, name):
    assert topic_path(project, name) == f"projects/{project}/topics/{name}"
    assert topic_path("other", topic_path(project, name)) == topic_path(project, name)
    assert subscription_path(project, name) == f"projects/{project}/subscriptions/{name}"
    assert short(subscription_path(project, name)) == name


@pytest.mark.parametrize(
    "name",
    [
        *("", "ab", "a" * 256, "1ab", "-ab", "a b", "a/b", "abé", "goog", "google-x", "ab\n"),
        *("projects/p/subscriptions/abc", "projects/p/topics/", "projects//topics/abc", "projects/p/topics/a/b"),
    ],
)
def test_a_topic_name_that_breaks_the_rules_is_refused_with_them(name):
    with pytest.raises(InvalidName, match=r"3 to 255 letters.*projects/PROJECT/topics/NAME|no project id"):
        topic_path("p", name)


@pytest.mark.parametrize("name", ["abc", "a" * 255, "a1-_.~+%", "Goog", "agoog"])
def test_a_name_at_the_edge_of_the_rules_is_taken(name):
    assert short(topic_path("p", name)) == name


@given(st.text(max_size=12))
def test_a_name_is_taken_by_the_rules_of_the_reference_alone(name):
    allowed = re.fullmatch(r"[A-Za-z][A-Za-z0-9\-_.~+%]{2,254}", name) and not name.startswith("goog")
    try:
        assert topic_path("p", name) == f"projects/p/topics/{name}"
    except InvalidName:
        assert not allowed
    else:
        assert allowed


@pytest.mark.parametrize(
    "project", ["p", "my-project-123", "example.com:my-project", "123456789012", "pubsubctl_local"]
)
def test_a_project_may_be_an_id_a_number_or_of_a_domain(project):
    assert check_project(project) == project


@pytest.mark.parametrize("project", ["", "a b", "a/b", "-a", "é", "a\n", "a" * 128])
def test_what_cannot_be_a_project_is_refused(project):
    with pytest.raises(InvalidName, match="no project id"):
        check_project(project)
    with pytest.raises(InvalidName):
        topic_path(project, "abc")


@given(st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True))
def test_a_job_id_is_anything_of_its_alphabet(job_id):
    assert check_job_id(job_id) == job_id


@pytest.mark.parametrize("job_id", ["", "a" * 65, "a b", "a/b", "a.b", "é", "a\n"])
def test_what_is_no_job_id_is_refused_with_the_rule(job_id):
    with pytest.raises(InvalidName, match="1 to 64 characters of A-Z, a-z, 0-9"):
        check_job_id(job_id)


def test_new_ids_are_valid_distinct_and_never_those_of_batches():
    ids = [new_job_id() for _ in range(1000)]
    assert len({check_job_id(job_id) for job_id in ids}) == 1000
    assert all(re.fullmatch(r"[0-9a-f]{28}", job_id) for job_id in ids)
    assert check_job_id(new_batch_id()).startswith("batch-")


def test_ids_sort_by_age(monkeypatch):
    times = iter([1, 999_999_999, 10**18, 2 * 10**18])
    monkeypatch.setattr("time.time_ns", lambda: next(times))
    ids = [new_job_id() for _ in range(4)]
    assert ids == sorted(ids)


def test_ids_of_a_process_are_in_the_order_that_it_made_them():
    ids = [new_job_id() for _ in range(100_000)]
    assert ids == sorted(set(ids))
