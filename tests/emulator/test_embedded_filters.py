"""Subscription filters: which messages pass, and what is refused where."""

import contextlib
from collections.abc import Mapping
from typing import Any

import pytest
from grpc import StatusCode
from hypothesis import given
from hypothesis import strategies as st

from pubsubctl.emulator.embedded.filters import MAX_SIZE, compile_filter
from pubsubctl.emulator.embedded.protocol import PubsubMessage
from pubsubctl.emulator.embedded.status import Refusal

A, AB, ABC, B, NONE = {"a": "1"}, {"a": "1", "b": "2"}, {"a": "1", "b": "2", "c": "3"}, {"b": "2"}, {}

# A filter, messages that pass it, and messages that do not.
ACCEPTED: list[tuple[str, list[Mapping[str, str]], list[Mapping[str, str]]]] = [
    # One condition
    ("attributes:a", [A, AB, {"a": ""}], [B, NONE, {"A": "1"}]),
    ('attributes.a = "1"', [A, AB], [{"a": "11"}, {"a": ""}, {"A": "1"}, B, NONE]),
    ('attributes.a = ""', [{"a": ""}], [A, NONE]),
    ('attributes.a != "1"', [{"a": "2"}, {"a": ""}, B, NONE], [A, AB]),
    ('attributes.a != ""', [A, NONE], [{"a": ""}]),
    ('hasPrefix(attributes.a, "ev")', [{"a": "ev"}, {"a": "event"}], [{"a": "e"}, {"a": "xev"}, {"a": "EV"}, NONE]),
    ('hasPrefix(attributes.a, "")', [A, {"a": ""}], [B, NONE]),
    # Case matters in keys and values
    ("attributes:Name", [{"Name": "x"}], [{"name": "x"}]),
    ('attributes.a = "Com"', [{"a": "Com"}], [{"a": "com"}]),
    # Keys
    ("attributes:event-type_2", [{"event-type_2": ""}], [{"event": ""}]),
    ("attributes:2", [{"2": ""}], [NONE]),
    ("attributes:-", [{"-": ""}], [NONE]),
    ("attributes:AND", [{"AND": ""}], [NONE]),
    ("attributes:hasPrefix AND attributes:attributes", [{"hasPrefix": "", "attributes": ""}], [{"hasPrefix": ""}]),
    ('attributes:"a"', [A], [B]),
    ('attributes."iana.org/language_tag" = "en"', [{"iana.org/language_tag": "en"}], [{"iana.org": "en"}, NONE]),
    ('hasPrefix(attributes."x y", "1")', [{"x y": "1"}], [{"x": "1"}]),
    ('attributes:""', [{"": "1"}], [A]),
    # Strings
    (r'attributes:"\u307F\u3093\u306A"', [{"みんな": ""}], [NONE]),
    ('attributes.a = "みんな"', [{"a": "みんな"}], [A]),
    (r'attributes.a = "\"\\\'"', [{"a": "\"\\'"}], [A]),
    (r'attributes.a = "\n\t\r\a\b\f\v\?\`"', [{"a": "\n\t\r\a\b\f\v?`"}], [A]),
    (r'attributes.a = "\x41\X7a\101\U0001F600\xe9"', [{"a": "AzA😀é"}], [A]),
    ('attributes.a = "it\'s (1 AND 2)"', [{"a": "it's (1 AND 2)"}], [A]),
    ('attributes.a = "1\n2"', [{"a": "1\n2"}], [A]),
    # Operators
    ("NOT attributes:a", [B, NONE], [A, AB]),
    ("-attributes:a", [B, NONE], [A, AB]),
    ('NOT attributes.a = "1"', [{"a": "2"}, NONE], [A]),
    ('NOT attributes.a != "1"', [A], [{"a": "2"}, NONE]),
    ('NOT hasPrefix(attributes.a, "1")', [{"a": "2"}, NONE], [A, {"a": "12"}]),
    ("attributes:a AND attributes:b", [AB, ABC], [A, B, NONE]),
    ("attributes:a AND attributes:b AND attributes:c", [ABC], [AB, A]),
    ("attributes:a OR attributes:b", [A, B, AB], [{"c": "3"}, NONE]),
    ("attributes:c OR attributes:a OR attributes:b", [A, B, ABC], [{"d": ""}, NONE]),
    ("NOT attributes:a AND attributes:b", [B], [AB, NONE]),
    ("NOT attributes:a OR attributes:b", [B, AB, NONE], [A]),
    ("attributes:a AND -attributes:b", [A], [AB, NONE]),
    ("attributes:a AND -(attributes:b OR attributes:c)", [A], [AB, ABC, NONE]),
    ("NOT (attributes:a AND attributes:b)", [A, B, NONE], [AB]),
    ("NOT(attributes:a)", [B], [A]),
    ("NOT (NOT attributes:a)", [A], [B]),
    ("(attributes:a)", [A], [B]),
    ("(attributes:a AND attributes:b) OR attributes:c", [AB, {"c": ""}], [A, B]),
    ("attributes:a AND (attributes:b OR attributes:c)", [AB, {"a": "", "c": ""}], [A, {"b": "", "c": ""}]),
    ("((attributes:a) AND ((attributes:b OR (attributes:c))))", [AB], [A]),
    ("(attributes:a OR attributes:b) AND (attributes:b OR attributes:c)", [B, {"a": "", "c": ""}], [A]),
    # White space
    (' \t\n attributes . a\r\n=\n"1" \n', [A], [B]),
    ('attributes.a="1"AND(attributes:b)', [AB], [A]),
    ('hasPrefix\n(\nattributes.a\n,\n"1"\n)', [A], [B]),
    ("attributes : a AND-attributes:b", [A], [AB]),
    # The largest
    (f'attributes.a = "{"x" * (MAX_SIZE - 17)}"', [{"a": "x" * (MAX_SIZE - 17)}], [A]),
    ("(" * 120 + "attributes:a" + ")" * 120, [A], [B]),
    ("-(" * 81 + "attributes:a" + ")" * 81, [B], [A]),
]

# A filter, and what is said of it.
REFUSED = [
    (" ", "expected attributes, hasPrefix or ( at the end"),
    ("garbage(", "expected attributes, hasPrefix or ( at character 1"),
    ('data="x"', "expected attributes, hasPrefix or ( at character 1"),
    ('"com" = attributes.name', "expected attributes, hasPrefix or ( at character 1"),
    ("Attributes:a", "expected attributes, hasPrefix or ( at character 1"),
    ("attributesx:a", "expected attributes, hasPrefix or ( at character 1"),
    ('hasprefix(attributes.a, "x")', "expected attributes, hasPrefix or ( at character 1"),
    ('hasSuffix(attributes.a, "x")', "expected attributes, hasPrefix or ( at character 1"),
    ("attributes", "expected a colon or a dot at the end"),
    ('attributes = "a"', "expected a colon or a dot at character 12"),
    ("attributes:", "expected a key, in double quotes unless of A-Z a-z 0-9 _ - at the end"),
    ("attributes:ä", "expected a key, in double quotes unless of A-Z a-z 0-9 _ - at character 12"),
    (r"attributes:\u307F\u3093", "expected a key, in double quotes unless of A-Z a-z 0-9 _ - at character 12"),
    ("attributes:'a'", "expected a key, in double quotes unless of A-Z a-z 0-9 _ - at character 12"),
    ("attributes:iana.org", "expected AND, OR or the end at character 16"),
    ('attributes:"open', "the string has no closing quotation mark at character 12"),
    ("attributes.a", "expected = or != at the end"),
    ('attributes.a == "b"', "expected a string in double quotes at character 15"),
    ('attributes.a > "b"', "expected = or != at character 14"),
    ('attributes.a:"b"', "expected = or != at character 13"),
    ("attributes.a = b", "expected a string in double quotes at character 16"),
    ("attributes.a = 'b'", "expected a string in double quotes at character 16"),
    ("attributes.a = 1", "expected a string in double quotes at character 16"),
    ("attributes.name = attributes.website", "expected a string in double quotes at character 19"),
    ('attributes.a = "b', "the string has no closing quotation mark at character 16"),
    (r'attributes.a = "b\"', "the string has no closing quotation mark at character 16"),
    (r'attributes.a = "b\q"', "expected an escape sequence at character 18"),
    (r'attributes.a = "\x4"', "expected an escape sequence at character 17"),
    (r'attributes.a = "\u12"', "expected an escape sequence at character 17"),
    (r'attributes.a = "\uD83D\uDE00"', "expected an escape sequence at character 17"),
    (r'attributes.a = "\U00110000"', "expected an escape sequence at character 17"),
    (r'attributes.a = "\8"', "expected an escape sequence at character 17"),
    ('hasPrefix attributes.a, "b"', "expected ( at character 11"),
    ('hasPrefix("a", "b")', "expected attributes at character 11"),
    ('hasPrefix(attributes:a, "b")', "expected a dot at character 21"),
    ("hasPrefix(attributes.a)", "expected a comma at character 23"),
    ("hasPrefix(attributes.a, b)", "expected a string in double quotes at character 25"),
    ('hasPrefix(attributes.a, "b"', "expected ) at the end"),
    ('hasPrefix(attributes.a, "b") = "c"', "expected AND, OR or the end at character 30"),
    ("attributes:a AND", "expected attributes, hasPrefix or ( at the end"),
    ("attributes:a and attributes:b", "expected AND, OR or the end at character 14"),
    ("attributes:a && attributes:b", "expected AND, OR or the end at character 14"),
    ("attributes:a attributes:b", "expected AND, OR or the end at character 14"),
    ("attributes:a ANDattributes:b", "expected AND, OR or the end at character 14"),
    ("attributes:a, attributes:b", "expected AND, OR or the end at character 13"),
    ("attributes:a AND AND attributes:b", "expected attributes, hasPrefix or ( at character 18"),
    ("OR attributes:a", "expected attributes, hasPrefix or ( at character 1"),
    ("not attributes:a", "expected attributes, hasPrefix or ( at character 1"),
    ("NOT", "expected attributes, hasPrefix or ( at the end"),
    ("NOT NOT attributes:a", "expected attributes, hasPrefix or ( at character 5"),
    ("--attributes:a", "expected attributes, hasPrefix or ( at character 2"),
    ('attributes.name = "com" AND ("net" OR "org")', "expected attributes, hasPrefix or ( at character 30"),
    ("attributes:a AND attributes:b OR attributes:c", "AND and OR are mixed without parentheses at character 31"),
    ("attributes:a OR attributes:b AND attributes:c", "AND and OR are mixed without parentheses at character 30"),
    ("(attributes:a OR attributes:b AND attributes:c)", "AND and OR are mixed without parentheses at character 31"),
    ("()", "expected attributes, hasPrefix or ( at character 2"),
    ("(attributes:a", "expected AND, OR or ) at the end"),
    ("(attributes:a attributes:b)", "expected AND, OR or ) at character 15"),
    ("attributes:a)", "expected AND, OR or the end at character 13"),
    ("(attributes:a))", "expected AND, OR or the end at character 15"),
    ("attributes:a;", "expected AND, OR or the end at character 13"),
    ("attributes:a\x00", "expected AND, OR or the end at character 13"),
    ("attributes:a\u00a0", "expected AND, OR or the end at character 13"),
    ("(" * MAX_SIZE, "expected attributes, hasPrefix or ( at the end"),
    ("-" * MAX_SIZE, "expected attributes, hasPrefix or ( at character 2"),
]


@pytest.mark.parametrize(("text", "passing", "others"), ACCEPTED, ids=[text[:60] for text, _, _ in ACCEPTED])
def test_a_filter_passes_what_it_describes_and_nothing_else(
    text: str, passing: list[Mapping[str, str]], others: list[Mapping[str, str]]
) -> None:
    passes = compile_filter(text)
    assert [passes(attributes) for attributes in passing] == [True] * len(passing)
    assert [passes(attributes) for attributes in others] == [False] * len(others)


@pytest.mark.parametrize(("text", "problem"), REFUSED, ids=[text[:60] for text, _ in REFUSED])
def test_what_is_no_filter_is_refused_with_the_place(text: str, problem: str) -> None:
    with pytest.raises(Refusal) as caught:
        compile_filter(text)
    assert caught.value.code is StatusCode.INVALID_ARGUMENT
    assert caught.value.text == f"Invalid filter: {problem} (filter={text})"


def test_a_filter_has_at_most_256_bytes() -> None:
    compile_filter('attributes.a = "{}"'.format("é" * 119 + "x"))
    with pytest.raises(Refusal, match=r"The filter has 257 bytes; at most 256 are allowed \(filter\)"):
        compile_filter('attributes.a = "{}"'.format("é" * 120))


def test_a_filter_reads_the_attributes_of_a_protobuf_message_without_changing_them() -> None:
    message = PubsubMessage(attributes={"a": "1"})
    passes = compile_filter('attributes.a = "1" AND attributes.b != "1" AND NOT hasPrefix(attributes.c, "x")')
    assert passes(message.attributes)
    assert dict(message.attributes) == {"a": "1"}


# Random filters: an expression as nested tuples, its text, and what it means.

KEYS, VALUES = ["a", "b", "x y", "é\n"], ["", "1", "12", '"\\']


def joined(operands: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.tuples(st.sampled_from(["AND", "OR"]), st.lists(operands, min_size=2, max_size=3))


CONDITIONS = st.one_of(
    st.tuples(st.just(":"), st.sampled_from(KEYS)),
    st.tuples(st.sampled_from(["=", "!=", "hasPrefix"]), st.sampled_from(KEYS), st.sampled_from(VALUES)),
)
EXPRESSIONS = st.recursive(
    CONDITIONS, lambda inner: joined(inner) | st.tuples(st.sampled_from(["NOT ", "-", "NOT\n"]), inner), max_leaves=6
)


def quoted(text: str) -> str:
    return '"{}"'.format("".join(f"\\u{ord(one):04x}" if one in '"\\\n' or one > "~" else one for one in text))


def written(expression: Any) -> str:
    match expression:
        case (":", key):
            return f"attributes:{key if key.isascii() and key.isalnum() else quoted(key)}"
        case ("hasPrefix", key, value):
            return f"hasPrefix(attributes.{quoted(key)}, {quoted(value)})"
        case ("AND" | "OR" as operator, operands):
            return f" {operator} ".join(f"({written(one)})" for one in operands)
        case (operator, operand):
            return f"{operator}({written(operand)})"
        case (operator, key, value):
            return f"attributes.{quoted(key)}{operator}{quoted(value)}"
    raise AssertionError(expression)


def meant(expression: Any, attributes: dict[str, str]) -> bool:
    operator, *rest = expression
    if operator in {"AND", "OR"}:
        values = {meant(one, attributes) for one in rest[0]}
        return values == {True} if operator == "AND" else True in values
    if operator[0] in "N-":
        return not meant(rest[0], attributes)
    key, *value = rest
    found = [attributes[key]] if key in attributes else []
    truths = {
        ":": bool(found),
        "=": found == value,
        "!=": found != value,
        "hasPrefix": [one for one in found if one[: len(value[0])] == value[0]] if value else [],
    }
    return bool(truths[operator])


@given(EXPRESSIONS, st.lists(st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES)), min_size=1))
def test_a_random_filter_means_what_was_written(expression: Any, messages: list[dict[str, str]]) -> None:
    text = written(expression)
    if len(text.encode()) > MAX_SIZE:
        with pytest.raises(Refusal, match="bytes"):
            compile_filter(text)
        return
    passes = compile_filter(text)
    assert [passes(message) for message in messages] == [meant(expression, message) for message in messages]


@given(st.lists(st.sampled_from([*'()-.:=!,"\\ \n', "NOT", "AND", "OR", "attributes", "hasPrefix", "a", "x41"])))
def test_any_text_is_a_filter_or_refused(symbols: list[str]) -> None:
    with contextlib.suppress(Refusal):
        assert compile_filter("".join(symbols))({}) in {True, False}
