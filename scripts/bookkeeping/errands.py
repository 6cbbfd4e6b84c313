"""The jobs: what each is, and what it must end as. Pure, but for the random numbers that it is given."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from pubsubctl.job import JobState, Reason

_LARGE, _LARGE_RATE = 100_000, 0.02
_KEYED_RATE, _OF_A_KEY = 0.3, 5


@dataclass(frozen=True)
class Errand:
    """One job to be.

    Attributes:
        key: its idempotency key, so that it can be submitted again when it is not known whether it was.
        path: what it asks for.
        body: what it sends, and what a success must bring back.
        end: the state that it must end in.
        reason: why, if it must fail.
        max_attempts: failures that it is allowed.
        cancel_after_s: it is cancelled so long after it was submitted.
        ordering_key: jobs of one key must run one after another.
        delay_s: it must not run earlier.
        pause_s: its application asks for so long a pause before the next attempt.
        mended: it fails once, and is then asked for again.
    """

    key: str
    path: str
    body: bytes
    end: JobState = JobState.SUCCEEDED
    reason: Reason | None = None
    max_attempts: int = 5
    cancel_after_s: float | None = None
    ordering_key: str = ""
    delay_s: float = 0.0
    pause_s: float = 0.0
    mended: bool = False


def errands(count: int, chance: random.Random) -> list[Errand]:
    """As many jobs, of all kinds, in the proportions of ``_KINDS``; some of those with an ordering key."""
    kinds = chance.choices([kind for kind, _ in _KINDS], [weight for _, weight in _KINDS], k=count)
    made = [kind(f"errand-{number}", _body(number, chance), chance) for number, kind in enumerate(kinds)]
    keys = max(1, round(count * _KEYED_RATE / _OF_A_KEY))
    return [
        replace(errand, ordering_key=f"key-{chance.randrange(keys)}") if chance.random() < _KEYED_RATE else errand
        for errand in made
    ]


def _body(number: int, chance: random.Random) -> bytes:
    size = _LARGE if chance.random() < _LARGE_RATE else chance.randrange(20, 200)
    return f"{number} ".encode() + chance.randbytes(size)


def _quick(key: str, body: bytes, _: random.Random) -> Errand:
    return Errand(key, "/work/0.0", body)


def _short(key: str, body: bytes, chance: random.Random) -> Errand:
    return Errand(key, f"/work/{chance.uniform(0.02, 0.5):.3f}", body)


def _long(key: str, body: bytes, chance: random.Random) -> Errand:
    return Errand(key, f"/work/{chance.uniform(3, 12):.1f}", body)


def _gil(key: str, body: bytes, chance: random.Random) -> Errand:
    return Errand(key, f"/gil/{chance.randrange(1, 4)}", body)


def _flaky(key: str, body: bytes, chance: random.Random) -> Errand:
    return Errand(key, f"/flaky/{chance.randrange(1, 4)}", body)


def _later(key: str, body: bytes, chance: random.Random) -> Errand:
    pause_s = chance.randrange(2, 6)
    return Errand(key, f"/later/{pause_s}", body, pause_s=pause_s)


def _delayed(key: str, body: bytes, chance: random.Random) -> Errand:
    return Errand(key, "/work/0.0", body, delay_s=chance.uniform(0.5, 10))


def _deadly(key: str, body: bytes, chance: random.Random) -> Errand:
    return Errand(key, f"/dies/{chance.choice(['SIGKILL', 'SIGSEGV', 'SIGTERM'])}", body)


def _hopeless(key: str, body: bytes, _: random.Random) -> Errand:
    return Errand(key, "/hopeless", body, JobState.FAILED, Reason.EXHAUSTED, max_attempts=2)


def _refused(key: str, body: bytes, _: random.Random) -> Errand:
    return Errand(key, "/refused", body, JobState.FAILED, Reason.STATUS)


def _mended(key: str, body: bytes, _: random.Random) -> Errand:
    return Errand(key, "/refused-at-first", body, mended=True)


def _unwanted(key: str, body: bytes, chance: random.Random) -> Errand:
    return Errand(key, "/work/300.0", body, JobState.CANCELLED, cancel_after_s=chance.uniform(0, 10))


_KINDS: list[tuple[Callable[[str, bytes, random.Random], Errand], int]] = [
    (_quick, 46),
    (_short, 23),
    (_long, 2),
    (_gil, 2),
    (_flaky, 8),
    (_later, 3),
    (_delayed, 3),
    (_deadly, 2),
    (_hopeless, 4),
    (_refused, 3),
    (_mended, 2),
    (_unwanted, 2),
]
