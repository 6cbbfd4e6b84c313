"""A check, its time limit, and what it comes to; several run side by side."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pubsubctl.errors import PubsubctlError

_GRACE_S, _LOOK_S, _STOP_S = 60.0, 0.2, 15.0


class Result(StrEnum):
    """What a check has come to."""

    OK = "ok"
    FAILED = "FAILED"
    UNSURE = "unsure"


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        number: its place.
        check: its name.
        seconds: how long it took.
        seen: what was seen, in figures; or what went wrong.
    """

    number: int
    check: str
    result: Result
    seconds: float
    seen: str


class CheckFailed(Exception):
    """Something else was seen than should have been; the text says what."""


class Undecided(Exception):
    """The check could not be made; the text says why."""


class Stopped(Exception):
    """The run is being ended."""


class Limit:
    """The time that a check may take; asked again and again while it waits.

    Args:
        seconds: how long.
        stopping: set where the whole run is being ended.
    """

    def __init__(self, seconds: float, stopping: threading.Event) -> None:
        self.seconds = seconds
        self._stopping = stopping
        self._ends_at = time.monotonic() + seconds

    def go_on(self, awaited: str) -> None:
        """Return where there is time left to wait for something.

        Raises:
            CheckFailed: there is none.
            Stopped: the run is being ended.
        """
        if self._stopping.is_set():
            raise Stopped
        if time.monotonic() > self._ends_at:
            raise CheckFailed(f"not within {self.seconds:g} s: {awaited}")

    def pause(self, seconds: float, awaited: str) -> None:
        """Sleep, and return or raise as ``go_on`` does."""
        self._stopping.wait(seconds)
        self.go_on(awaited)


@dataclass(frozen=True)
class Check:
    """Something to be tried.

    Attributes:
        number: its place in the table.
        name: in a few words.
        limit_s: how long it may take.
        run: does it, and returns what was seen; raises ``CheckFailed``, ``Undecided`` or an error of pubsubctl's.
    """

    number: int
    name: str
    limit_s: float
    run: Callable[[Limit], str]


class Lanes:
    """Runs checks; those of a lane one after another, lanes side by side.

    Args:
        tell: is given each row as it is there.
    """

    def __init__(self, tell: Callable[[Row], None]) -> None:
        self._tell = tell
        self._stopping = threading.Event()
        self._rows: dict[int, Row] = {}

    @property
    def rows(self) -> list[Row]:
        """All that there are yet, in the order of their numbers."""
        return [self._rows[number] for number in sorted(self._rows)]

    def run(self, lanes: Sequence[Sequence[Check]]) -> None:
        """Run them all; whoever interrupts this has them end first."""
        threads = [threading.Thread(target=self._run, args=(lane,), daemon=True) for lane in lanes]
        ends_at = [time.monotonic() + sum(check.limit_s + _GRACE_S for check in lane) for lane in lanes]
        try:
            for thread in threads:
                thread.start()
            for thread, end in zip(threads, ends_at, strict=True):
                while thread.is_alive() and time.monotonic() < end:
                    thread.join(_LOOK_S)
        except BaseException:
            self._stop(threads)
            raise
        for check in (check for lane in lanes for check in lane if check.number not in self._rows):
            self._put(Row(check.number, check.name, Result.FAILED, check.limit_s + _GRACE_S, "it did not end"))

    def _stop(self, threads: Sequence[threading.Thread]) -> None:
        """Have the checks end, and wait for that."""
        self._stopping.set()
        deadline = time.monotonic() + _STOP_S
        for thread in threads:
            if thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self, lane: Sequence[Check]) -> None:
        for check in lane:
            began = time.monotonic()
            try:
                result, seen = _outcome(check, Limit(check.limit_s, self._stopping))
            except Stopped:
                return
            self._put(Row(check.number, check.name, result, time.monotonic() - began, seen))

    def _put(self, row: Row) -> None:
        self._rows[row.number] = row
        self._tell(row)


def _outcome(check: Check, limit: Limit) -> tuple[Result, str]:
    try:
        return Result.OK, check.run(limit)
    except Stopped:
        raise
    except Undecided as error:
        return Result.UNSURE, str(error)
    except (CheckFailed, PubsubctlError) as error:
        return Result.FAILED, str(error)
    except Exception as error:  # noqa: BLE001 - what a check did not expect is a failure of that check alone
        return Result.FAILED, f"{type(error).__name__}: {error}"
