"""Lists and dictionaries in one argument: the examples of ``gcloud topic escaping``."""

import pytest

from pubsubctl.cli.lists import listed, pairs


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("a", ["a"]),
        ("a,b,c", ["a", "b", "c"]),
        ("^:^a,b:c,d", ["a,b", "c,d"]),
        ("^--^a-,b--c", ["a-,b", "c"]),
        ("^a,b,c", ["^a", "b", "c"]),
        ("^,^^a,b,c", ["^a", "b", "c"]),
        ("a^:^,b,c", ["a^:^", "b", "c"]),
        ("", []),
        (",a,", ["a"]),
    ],
)
def test_a_list(text, items):
    assert listed([text]) == items


def test_an_option_that_is_given_twice_adds_up():
    assert listed(["a,b", "c"]) == ["a", "b", "c"]
    assert pairs(["a=1,b=2", "a=3"]) == {"a": "3", "b": "2"}


def test_the_first_equals_sign_ends_the_key():
    assert pairs(["^:^a=b,c:d=f=g:e="]) == {"a": "b,c", "d": "f=g", "e": ""}


@pytest.mark.parametrize("text", ["a", "=b", "a=1,b"])
def test_what_is_no_pair(text):
    with pytest.raises(ValueError, match="must be KEY=VALUE"):
        pairs([text])
