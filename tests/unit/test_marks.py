"""Marks in a child's output: found wherever it is cut, and taken for none where there are none."""

import random

import pytest

from pubsubctl.worker.marks import Mark, Sorter, marked, unmarked

ONE, TWO = Mark("job-1", 1), Mark("job_2", 12, 40)


def joined(pieces: list[tuple[Mark | None, bytes]]) -> list[tuple[Mark | None, bytes]]:
    found: list[tuple[Mark | None, bytes]] = []
    for mark, piece in pieces:
        if found and found[-1][0] == mark:
            found[-1] = (mark, found[-1][1] + piece)
        else:
            found.append((mark, piece))
    return found


def test_every_piece_has_its_mark_wherever_the_output_is_cut():
    nearly = b"\x1e@not: one\x1e \x1e@"
    output = b"".join([b"before", *marked(ONE, b"one"), b"between", *marked(TWO, b"\x00\xfftwo"), nearly])
    expected = [(None, b"before"), (ONE, b"one"), (None, b"between"), (TWO, b"\x00\xfftwo"), (None, nearly)]
    for cut in range(1, len(output)):
        sorter = Sorter()
        pieces = [*sorter.sorted(output[:cut]), *sorter.sorted(output[cut:]), *sorter.sorted(b"")]
        assert joined(pieces) == expected


def test_of_what_only_looks_like_marks_nothing_is_lost():
    chance = random.Random(7)
    data = bytes(chance.choices(b"\x1e@:a\n", k=5000))
    sorter, at, found = Sorter(), 0, b""
    while at < len(data):
        size = chance.randint(1, 50)
        found += b"".join(piece for _, piece in sorter.sorted(data[at : at + size]))
        at += size
    assert found + b"".join(piece for _, piece in sorter.sorted(b"")) == data


@pytest.mark.parametrize("size", [1, 3990, 4000, 100_000])
def test_each_write_is_one_piece_for_a_pipe(size):
    data = random.Random(1).randbytes(size).replace(b"\x1e", b"-")
    writes = marked(ONE, data)
    assert max(map(len, writes)) <= 4096
    assert joined(Sorter().sorted(b"".join(writes))) == [(ONE, data)]


def test_any_level_can_be_marked():
    for level in (-5, 10**9):
        ((mark, _),) = Sorter().sorted(b"".join(marked(Mark("j", 1, level), b"x")))
        assert mark is not None


def test_kept_text_has_no_marks():
    assert unmarked(b"".join([*marked(ONE, b"a\n"), *marked(TWO, b"b\n")]).decode()) == "a\nb\n"
