"""Of what was printed the last 16 KiB are kept, as whole lines of text."""

from hypothesis import given
from hypothesis import strategies as st

from pubsubctl.worker.tail import LIMIT, Tail, bounded

CUT = "[only the last 16 KiB are kept]\n"


def fed(*pieces: bytes) -> Tail:
    tail = Tail()
    for piece in pieces:
        tail.feed(piece)
    return tail


def test_what_is_little_is_kept_as_it_is():
    tail = fed(b"one\n", b"two")
    assert (tail.total, tail.text()) == (7, "one\ntwo")


def test_what_was_fed_before_can_be_left_out():
    assert fed(b"before\n", b"after\n").text(since=7) == "after\n"


def test_a_beginning_that_is_beyond_the_end_leaves_nothing():
    assert fed(b"some").text(since=100) == ""


def test_what_is_much_begins_at_a_line_and_says_so():
    text = fed(*(b"line %d\n" % number for number in range(10_000))).text()
    first, *lines = text.splitlines()
    assert first + "\n" == CUT
    assert lines[-1] == "line 9999"
    assert lines == [f"line {number}" for number in range(10_000 - len(lines), 10_000)]


def test_a_line_without_end_is_cut_anywhere():
    assert fed(b"x" * 100_000).text() == CUT + "x" * (LIMIT - len(CUT))


@given(st.lists(st.binary(max_size=200) | st.just(b"\xff" * 20_000) | st.just(b"e\n" * 9_000), max_size=8))
def test_it_is_text_within_the_limit_whatever_was_fed(pieces):
    text = fed(*pieces).text()
    assert len(text.encode()) <= LIMIT
    assert "\0" not in text
    whole = b"".join(pieces)
    assert text == (bounded(whole) if len(whole) <= LIMIT else text)
