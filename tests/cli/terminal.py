"""A terminal of a certain size, to run a program on: what it shows is kept, and what would be ugly is an error."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_TOKEN = re.compile(rb"\x1b\[(\??)([0-9;]*)([A-Za-z])|\x1b|[\x00-\x1a\x1c-\x1f\x7f]")


class Screen:
    """The lines of a terminal. Whatever the displays have no business to send is refused."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.lines: list[list[str]] = [[]]
        self.row = self.column = 0
        self.blanked = 0

    @property
    def text(self) -> str:
        return "\n".join("".join(line).rstrip() for line in self.lines)

    def feed(self, data: bytes) -> None:
        position = 0
        for match in _TOKEN.finditer(data):
            self._print(data[position : match.start()].decode())
            position = match.end()
            if match[3]:
                self._sequence(match[2].decode(), match[3].decode())
            else:
                self._control(match[0])
        self._print(data[position:].decode())

    def _print(self, text: str) -> None:
        for character in text:
            width = 2 if unicodedata.east_asian_width(character) in "WF" else 1
            assert self.column + width <= self.columns, f"wraps: {''.join(self.lines[self.row])!r}"
            line = self.lines[self.row]
            line.extend(" " * (self.column - len(line)))
            line[self.column : self.column + width] = [character] + [""] * (width - 1)
            self.column += width

    def _control(self, control: bytes) -> None:
        if control == b"\n":
            self.row += 1
            if self.row == len(self.lines):
                self.lines.append([])
        elif control == b"\r":
            self.column = 0
        else:
            raise AssertionError(f"control character {control!r}")

    def _sequence(self, numbers: str, kind: str) -> None:
        if kind == "A":
            assert int(numbers) <= self.row, "above the top"
            self.row -= int(numbers)
        elif kind == "K":
            del self.lines[self.row][self.column :]
        elif kind == "J":
            del self.lines[self.row][self.column :]
            del self.lines[self.row + 1 :]
        else:
            assert kind == "m", f"sequence {numbers}{kind}"


_TAKE_THE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
)


class Terminal:
    """A program on a terminal of its own."""

    def __init__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str], *, columns: int, rows: int = 24
    ) -> None:
        self.screen = Screen(columns)
        self.frames: list[str] = []
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        # By the program itself, not between fork and exec: gRPC, which other tests use in this process, may act there.
        self._process = subprocess.Popen(
            [sys.executable, "-c", _TAKE_THE_TERMINAL, *command],
            cwd=folder,
            env=environment,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    def read_until(self, condition: Callable[[str], object], within_s: float = 30.0) -> str:
        """What it shows as soon as ``condition`` holds of it."""
        give_up = time.monotonic() + within_s
        while not condition(self.screen.text):
            assert time.monotonic() < give_up, self.screen.text
            if not self._read():
                assert condition(self.screen.text), self.screen.text
        return self.screen.text

    def interrupt(self) -> None:
        os.write(self._master, b"\x03")

    def type(self, text: bytes) -> None:
        os.write(self._master, text)

    def wait(self, within_s: float = 30.0) -> int:
        """Read all there is, and the exit code."""
        give_up = time.monotonic() + within_s
        while self._read():
            assert time.monotonic() < give_up, self.screen.text
        return self._process.wait(10)

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._master)

    def _read(self) -> bool:
        if not select.select([self._master], [], [], 0.5)[0]:
            return True
        data = b""
        while True:
            try:
                data += os.read(self._master, 65536)
            except OSError:  # its end of a terminal that nobody holds
                ended = True
                break
            if not select.select([self._master], [], [], 0.01)[0]:
                ended = False
                break
        self.screen.feed(data)
        self.frames.append(self.screen.text)
        return not ended
