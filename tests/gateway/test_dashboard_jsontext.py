"""JSON is laid out for people, and says what it said."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsubctl.gateway.dashboard.jsontext import laid_out

MOST = 100_000
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES, st.sampled_from([None, 0, 3]), st.booleans())
def test_it_looks_as_everybody_lays_it_out(value, indent, ascii_only):
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert laid_out(text, MOST) == json.dumps(value, indent=2, ensure_ascii=False)


@pytest.mark.parametrize("number", ["12345678901234567.25", "1.10", "1e400", "-0.0", "1E+2"])
def test_a_number_stays_as_it_was_written(number):
    assert laid_out(f'{{"a":[{number}]}}', MOST) == f'{{\n  "a": [\n    {number}\n  ]\n}}'


def test_a_name_that_comes_twice_is_there_twice():
    assert laid_out('{"a":1,"a":"\\",[{:"}', MOST) == '{\n  "a": 1,\n  "a": "\\",[{:"\n}'


@pytest.mark.parametrize("text", ["", "{", "[1,]", "{'a': 1}", "[" * 100_000, "1" * 10_000])
def test_what_is_none_or_could_not_be_read_is_not_laid_out(text):
    assert laid_out(text, MOST) is None


def test_what_would_be_too_long_is_not_laid_out():
    assert laid_out("[1, 2]", 11) is None
    assert laid_out("[1, 2]", 12) == "[\n  1,\n  2\n]"
