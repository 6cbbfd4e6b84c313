"""What may go wrong: each mishap breaks one thing, waits, and mends it."""

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event

from wrecking.desk import Desk
from wrecking.scene import Emulator, Seat
from wrecking.shelf import Shelf

_NO_ECHO_S = 0.6
"""A worker takes a signal that follows sooner for an echo of the first."""

Pause = Callable[[], object]


@dataclass(frozen=True)
class Mishap:
    """One thing that goes wrong.

    Attributes:
        name: what happens, for people.
        at_s: when, seconds after the start.
        victim: what is broken, by its name.
        lasts_s: how long until it is mended.
    """

    name: str
    at_s: float
    victim: str
    lasts_s: float


def plan(
    duration_s: float, every_s: float, workers: Sequence[str], lease_s: float, chance: random.Random
) -> list[Mishap]:
    """What goes wrong when: one thing every few seconds, the same for the same random numbers."""
    mishaps: list[Mishap] = []
    at_s = chance.uniform(0.5, 1.5) * every_s
    names, weights = zip(*((name, weight) for name, (weight, _, _) in _MISHAPS.items()), strict=True)
    while at_s < duration_s:
        name = chance.choices(names, weights)[0]
        victim = _MISHAPS[name][1] or chance.choice(workers)
        shortest, longest = (1.5 * lease_s, 2.5 * lease_s) if "past" in name else (0.1, 3.0)
        mishaps.append(Mishap(name, at_s, victim, chance.uniform(shortest, longest)))
        at_s += chance.uniform(0.5, 1.5) * every_s
    return mishaps


def happen(mishap: Mishap, victim: object, over: Event) -> None:
    """Break it, and mend it after its time, or as soon as all is over."""
    _, _, act = _MISHAPS[mishap.name]
    act(victim, lambda: over.wait(mishap.lasts_s))


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


def _kill_submitter(seat: Desk, pause: Pause) -> None:
    seat.kill()
    pause()
    seat.start()


def _lock_store(shelf: Shelf, pause: Pause) -> None:
    with shelf.locked():
        pause()


_MISHAPS: dict[str, tuple[int, str | None, Callable[..., None]]] = {
    "kill a worker": (4, None, _kill_worker),
    "drain a worker": (2, None, _drain_worker),
    "interrupt a worker twice": (1, None, _interrupt_twice),
    "freeze a worker for a moment": (1, None, _freeze_worker),
    "freeze a worker past its lease": (2, None, _freeze_worker),
    "kill a child": (3, None, _kill_child),
    "freeze a child": (2, None, _freeze_child),
    "kill the emulator": (3, "emulator", _kill_emulator),
    "freeze the emulator": (1, "emulator", _freeze_emulator),
    "disconnect everybody": (2, "emulator", _disconnect),
    "kill the submitter": (2, "submitter", _kill_submitter),
    "lock the store": (2, "store", _lock_store),
    "lock the store past a lease": (1, "store", _lock_store),
}
"""By name: how often compared to others, what is broken (None: one of the workers), and how."""
