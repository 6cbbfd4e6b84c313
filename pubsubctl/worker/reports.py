"""What a child says, read from its frames: a child runs code that is not ours, so all of it is checked. Pure."""

from dataclasses import dataclass
from typing import Any

from pubsubctl.errors import InvalidName
from pubsubctl.exchange import Payload, Response
from pubsubctl.worker.frames import Frame
from pubsubctl.worker.outcome import Answered, TooLarge, Unkept
from pubsubctl.worker.tail import LIMIT

NONSENSE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What reading raises where something else than a child's own code has written."""


@dataclass(frozen=True, slots=True)
class Ready:
    """It has loaded the application."""


@dataclass(frozen=True, slots=True)
class Unloadable:
    """It cannot load the application; why, in one line."""

    error: str


@dataclass(frozen=True, slots=True)
class Began:
    """A task begins."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Progressed:
    """A task has come so far."""

    ticket: int
    fraction: float | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Ended:
    """A task has ended.

    Attributes:
        seconds: how long it took.
        resident: bytes of memory in use, where that is more than asked for, else 0.
        following: the ticket of the task that begins now, if one does.
    """

    ticket: int
    ending: Answered | TooLarge | Unkept
    seconds: float
    resident: int
    following: int | None = None


Report = Ready | Unloadable | Began | Progressed | Ended


def read(frame: Frame) -> Report:
    """What a frame says.

    Raises:
        ValueError, LookupError, TypeError, AttributeError: it says nothing that a child says; see ``NONSENSE``.
    """
    header = frame.header
    match frame.kind:
        case "began":
            return Began(header["ticket"])
        case "done" | "too-large" | "unkept":
            return _ended(header, _ending(frame))
        case "progress":
            return Progressed(header["ticket"], header["fraction"], header["note"])
        case "ready":
            return Ready()
        case "unloadable":
            return Unloadable(str(header["error"]))
        case other:
            raise ValueError(other)


def printed(frame: Frame) -> int:
    """How many bytes the child has printed until it said this; 0 where that says nothing of it."""
    return int(frame.header.get("printed", 0))


def _ending(frame: Frame) -> Answered | TooLarge | Unkept:
    header, log = frame.header, _log(frame.header)
    match frame.kind:
        case "done":
            return Answered(_response(header, frame.body), log)
        case "too-large":
            return TooLarge(log, int(header["limit"]), apart=bool(header["apart"]))
        case _:
            return Unkept(str(header["error"]), bool(header["damaged"]), bool(header["ran"]), log)


def _ended(header: dict[str, Any], ending: Answered | TooLarge | Unkept) -> Ended:
    seconds = float(header["seconds"])
    if not seconds >= 0:
        raise ValueError(f"{seconds} s")
    return Ended(header["ticket"], ending, seconds, int(header.get("resident", 0)), header.get("next"))


def _response(header: dict[str, Any], body: bytes) -> Response:
    headers = tuple((str(name), str(value)) for name, value in header["headers"])
    return Response(int(header["status"]), headers, body, str(header["phrase"]), _payload(header))


def _payload(header: dict[str, Any]) -> Payload | None:
    if "payload" not in header:
        return None
    try:
        return Payload.of(*header["payload"])
    except InvalidName as error:
        raise ValueError(error) from error


def _log(header: dict[str, Any]) -> str:
    return str(header.get("log", ""))[-LIMIT:]
