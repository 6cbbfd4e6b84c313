"""What may go wrong: each mishap breaks one thing, waits, and mends it."""

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from wrecking.scene import Emulator, Seat

_NO_ECHO_S = 0.6
"""A worker takes a signal that follows sooner for an echo of the first."""

Pause = Callable[[], object]


@dataclass(frozen=True)
class Mishap:
    """One thing that goes wrong.

    Attributes:
        name: what happens, for people.
        at_s: when, seconds after the start.
        victim: which seat, or None for the emulator.
        lasts_s: how long until it is mended.
    """

    name: str
    at_s: float
    victim: int | None
    lasts_s: float


def plan(duration_s: float, every_s: float, seats: int, lease_s: float, chance: random.Random) -> list[Mishap]:
    """What goes wrong when: one thing every few seconds, the same for the same random numbers."""
    mishaps: list[Mishap] = []
    at_s = chance.uniform(0.5, 1.5) * every_s
    names, weights = zip(*((name, weight) for name, (weight, _) in _MISHAPS.items()), strict=True)
    while at_s < duration_s:
        name = chance.choices(names, weights)[0]
        victim = None if name in _OF_EMULATOR else chance.randrange(seats)
        shortest, longest = (1.5 * lease_s, 2.5 * lease_s) if "past its lease" in name else (0.1, 3.0)
        mishaps.append(Mishap(name, at_s, victim, chance.uniform(shortest, longest)))
        at_s += chance.uniform(0.5, 1.5) * every_s
    return mishaps


def happen(mishap: Mishap, seats: list[Seat], emulator: Emulator, over: Event) -> None:
    """Break it, and mend it after its time, or as soon as all is over."""
    _, act = _MISHAPS[mishap.name]
    act(seats[mishap.victim] if mishap.victim is not None else emulator, lambda: over.wait(mishap.lasts_s))


def _kill_worker(seat: Seat, pause: Pause) -> None:
    seat.signal(signal.SIGKILL)
    seat.wait()
    pause()
    seat.start()


def _drain_worker(seat: Seat, pause: Pause) -> None:
    seat.stop()
    pause()
    seat.start()


def _interrupt_twice(seat: Seat, pause: Pause) -> None:
    seat.signal(signal.SIGINT)
    time.sleep(_NO_ECHO_S)
    pause()
    if seat.ended() is None:
        seat.signal(signal.SIGINT)
    seat.exits.append(seat.wait())
    seat.start()


def _freeze_worker(seat: Seat, pause: Pause) -> None:
    seat.signal(signal.SIGSTOP)
    pause()
    seat.signal(signal.SIGCONT)


def _kill_child(seat: Seat, pause: Pause) -> None:
    _signal_one(seat.children(), signal.SIGKILL)
    pause()


def _freeze_child(seat: Seat, pause: Pause) -> None:
    stopped = _signal_one(seat.children(), signal.SIGSTOP)
    pause()
    _signal_one(stopped, signal.SIGCONT)


def _signal_one(pids: list[int], number: signal.Signals) -> list[int]:
    for pid in pids[:1]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    return pids[:1]


def _kill_emulator(emulator: Emulator, pause: Pause) -> None:
    emulator.kill()
    pause()
    emulator.start()


def _freeze_emulator(emulator: Emulator, pause: Pause) -> None:
    emulator.signal(signal.SIGSTOP)
    pause()
    emulator.signal(signal.SIGCONT)


def _disconnect(emulator: Emulator, pause: Pause) -> None:
    emulator.misbehave("disconnect=0.5,unavailable=0.5")
    pause()
    emulator.restore()


_MISHAPS: dict[str, tuple[int, Callable[..., None]]] = {
    "kill a worker": (4, _kill_worker),
    "drain a worker": (2, _drain_worker),
    "interrupt a worker twice": (1, _interrupt_twice),
    "freeze a worker for a moment": (1, _freeze_worker),
    "freeze a worker past its lease": (2, _freeze_worker),
    "kill a child": (3, _kill_child),
    "freeze a child": (2, _freeze_child),
    "kill the emulator": (3, _kill_emulator),
    "freeze the emulator": (1, _freeze_emulator),
    "disconnect everybody": (2, _disconnect),
}
_OF_EMULATOR = frozenset({"kill the emulator", "freeze the emulator", "disconnect everybody"})
