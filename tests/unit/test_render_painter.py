"""What the painter writes: only what has changed, and always to the right lines."""

import io

import pytest

from pubsubctl.render import painter
from pubsubctl.render.painter import Painter


@pytest.fixture
def painting(monkeypatch):
    stream = io.StringIO()
    size = [80, 10]
    monkeypatch.setattr(painter, "columns_and_rows", lambda _: tuple(size))

    def paint(*lines):
        stream.seek(0)
        stream.truncate()
        made.paint(lines)
        return stream.getvalue()

    made = Painter(stream)
    paint.size, paint.clear, paint.stream, paint.leave = size, made.clear, stream, made.leave
    return paint


def test_only_changed_lines_are_written(painting):
    assert painting("a", "b") == "\r\ra\x1b[K\n\rb\x1b[K\n\x1b[J"
    assert painting("a", "c") == "\r\x1b[2A\n\rc\x1b[K\n"
    assert painting("a", "c") == ""


def test_fewer_lines_leave_nothing_below(painting):
    painting("a", "b", "c")
    assert painting("a") == "\r\x1b[3A\n\x1b[J"


def test_more_lines_than_the_terminal_has_are_cut(painting):
    painting.size[1] = 3
    assert painting("a", "b", "c", "d") == "\r\ra\x1b[K\n\rb\x1b[K\n\x1b[J"


def test_a_terminal_that_became_narrower_has_broken_lines(painting):
    painting("x" * 60, "\x1b[31my\x1b[0m")
    painting.size[0] = 25
    assert painting("z").startswith("\r\x1b[4A\rz")


def test_cleared_and_left(painting):
    painting("a", "b")
    painting.clear()
    assert painting.stream.getvalue().endswith("\r\x1b[2A\x1b[J")
    painting("a")
    painting.leave()
    assert painting("a") == "\r\ra\x1b[K\n\x1b[J"
