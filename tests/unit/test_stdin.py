"""Standard input is read as it comes, and a signal is heard whichever thread it comes to."""

import fcntl
import io
import os
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pubsubctl.errors import UsageError
from pubsubctl.render.stdin import lines_of, standard_input

FAR = 1024
READS = """
import signal, sys, threading, time
from pubsubctl.render.stdin import standard_input, typed_line
elsewhere = threading.Thread(target=time.sleep, args=(60,), daemon=True)
elsewhere.start()
file = standard_input()
print(file.readline().decode(), end="", flush=True)
threading.Timer(0.3, signal.pthread_kill, (elsewhere.ident, signal.SIGINT)).start()
try:
    %s
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.parametrize("waits", ["file.readline()", "typed_line()"])
def test_a_signal_that_another_thread_has_got_ends_the_wait(waits):
    with subprocess.Popen(
        [sys.executable, "-c", READS % waits], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdin.write(b"a line\n")
        process.stdin.flush()
        assert process.stdout.read() == b"a line\ninterrupted\n"
        process.stdin.close()
        assert process.wait(20) == 0


def test_it_is_read_as_it_comes_to_its_end(monkeypatch: pytest.MonkeyPatch):
    reading, writing = os.pipe()
    with os.fdopen(reading) as file:
        monkeypatch.setattr(sys, "stdin", file)
        given = b"a\n" + bytes(range(256)) * 5000 + b"\nno end"

        def write() -> None:
            with os.fdopen(writing, "wb", buffering=0) as there:
                for start in range(0, len(given), 100_000):
                    there.write(given[start : start + 100_000])
                    time.sleep(0.01)

        writer = threading.Thread(target=write)
        writer.start()
        found = standard_input()
        assert found.readline() == b"a\n"
        assert b"a\n" + found.read() == given
        writer.join()


def test_what_has_no_descriptor_is_read_as_it_is(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"given")))
    assert standard_input().read() == b"given"


def test_at_a_terminal_the_end_is_typed_once(monkeypatch: pytest.MonkeyPatch):
    ours, theirs = os.openpty()
    with os.fdopen(theirs) as file:
        monkeypatch.setattr(sys, "stdin", file)
        os.write(ours, b"abc\n\x04")
        found = standard_input()
        assert [found.read(1 << 16), found.read(1 << 16), found.readline()] == [b"abc\n", b"", b""]
    os.close(ours)


def test_what_has_been_closed_meanwhile_is_said_to_be_closed(monkeypatch: pytest.MonkeyPatch):
    file = io.TextIOWrapper(io.BytesIO(b"given"))
    file.close()
    monkeypatch.setattr(sys, "stdin", file)
    with pytest.raises(UsageError, match="is closed"):
        standard_input()


def test_a_descriptor_beyond_those_that_can_be_waited_for_is_read_all_the_same(monkeypatch: pytest.MonkeyPatch):
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] <= FAR:
        pytest.skip(f"no process may open {FAR} files here")
    reading, writing = os.pipe()
    far = fcntl.fcntl(reading, fcntl.F_DUPFD, FAR)
    os.write(writing, b"a\nb\n")
    os.close(writing)
    os.close(reading)
    with os.fdopen(far) as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert standard_input().read() == b"a\nb\n"


def test_lines_come_as_they_are_ended_and_it_is_said_where_none_comes():
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as file:
        lines = lines_of(file, 100)
        os.write(writing, b"a\n\nb\r\nc")
        assert [next(lines) for _ in range(5)] == [b"a\n", b"\n", b"b\r\n", None, None]
        os.write(writing, b"d\ne")
        assert [next(lines) for _ in range(2)] == [b"cd\n", None]
        os.close(writing)
        assert list(lines) == [b"e"]


def test_a_line_that_is_too_long_comes_in_pieces(tmp_path: Path):
    content = b"x" * 200_000 + b"\n" + b"y\n" * 50_000
    (tmp_path / "lines").write_bytes(content)
    with (tmp_path / "lines").open("rb") as file:
        lines = list(lines_of(file, 100_000))
    assert b"".join(lines) == content
    assert max(map(len, lines)) < 100_000 + (1 << 16)
    assert lines[-50_000:] == [b"y\n"] * 50_000


def test_lines_of_what_has_no_descriptor():
    assert list(lines_of(io.BytesIO(b"abc\n\nde"), 2)) == [b"ab", b"c\n", b"\n", b"de"]
