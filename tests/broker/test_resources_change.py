"""What a change makes of settings: the examples of RFC 7396, and what is beyond it."""

import pytest

from pubsubctl.broker.change import Change, merged


@pytest.mark.parametrize(
    ("settings", "values", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_the_examples_of_the_standard(settings, values, result):
    assert merged(settings, values) == result


def test_what_it_is_applied_to_stays_as_it_is():
    settings = {"a": {"b": 1}}
    Change({"a": {"c": 2}}).applied(settings)
    assert settings == {"a": {"b": 1}}


def test_a_field_that_begins_anew_keeps_nothing():
    settings = {"labels": {"a": "1"}, "push": {"endpoint": "x", "auth": "y"}}
    change = Change({"push": {"endpoint": "z"}}, frozenset({"push"}))
    assert change.applied(settings) == {"labels": {"a": "1"}, "push": {"endpoint": "z"}}
    assert Change(anew=frozenset({"labels"})).applied(settings) == {"push": settings["push"]}


def test_the_mask_has_each_field_once():
    assert Change({"a": 1, "b": None}, frozenset({"a", "c"})).fields == ["a", "b", "c"]
    assert Change().fields == []
