"""What is written, and that nothing of it can do harm."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsubctl.render import output
from pubsubctl.render.output import Format, clean


@given(st.text())
def test_cleaned_text_is_one_line_of_printable_characters(text):
    assert clean(text).isprintable()
    assert len(clean(text)) == len(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET /[red]ä日本", "GET /[red]ä日本"),
        ("a\x1b[31mb", "a\ufffd[31mb"),
        ("a\nb\tc\u2028d", "a b c d"),
        ("a\u202eb\udcffc\x9bd", "a\ufffdb\ufffdc\ufffdd"),
    ],
)
def test_what_a_terminal_would_act_on_is_replaced(text, shown):
    assert clean(text) == shown


def test_json_over_lines_and_on_one(capsys):
    output.document({"a": [1]})
    output.document({"a": [1]}, Format.JSONL)
    assert capsys.readouterr().out == '{\n  "a": [\n    1\n  ]\n}\n{"a": [1]}\n'


@pytest.mark.parametrize("items", [[], ["a"], [{"b": 1}, None]])
def test_a_streamed_list_is_json(capsys, items):
    output.streamed({"head": 1}, "items", iter(items))
    assert json.loads(capsys.readouterr().out) == {"head": 1, "items": items}


def test_a_streamed_list_that_breaks_off_is_json_all_the_same(capsys):
    def items():
        yield 1
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        output.streamed({"head": 1}, "items", items())
    assert json.loads(capsys.readouterr().out) == {"head": 1, "items": [1]}
