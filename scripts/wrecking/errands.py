"""The jobs: what each is, and what it must end as. Pure, but for the random numbers that it is given."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from pubsubctl.job import JobState, Reason

_LARGE, _LARGE_RATE = 100_000, 0.02


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
    """

    key: str
    path: str
    body: bytes
    end: JobState = JobState.SUCCEEDED
    reason: Reason | None = None
    max_attempts: int = 5
    cancel_after_s: float | None = None


def errands(count: int, chance: random.Random) -> list[Errand]:
    """As many jobs, of all kinds, in the proportions of ``_KINDS``."""
    kinds = chance.choices([kind for kind, _ in _KINDS], [weight for _, weight in _KINDS], k=count)
    return [kind(f"errand-{number}", _body(number, chance), chance) for number, kind in enumerate(kinds)]


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


def _deadly(key: str, body: bytes, chance: random.Random) -> Errand:
    return Errand(key, f"/dies/{chance.choice(['SIGKILL', 'SIGSEGV', 'SIGTERM'])}", body)


def _hopeless(key: str, body: bytes, _: random.Random) -> Errand:
    return Errand(key, "/hopeless", body, JobState.FAILED, Reason.EXHAUSTED, max_attempts=2)


def _refused(key: str, body: bytes, _: random.Random) -> Errand:
    return Errand(key, "/refused", body, JobState.FAILED, Reason.STATUS)


def _unwanted(key: str, body: bytes, chance: random.Random) -> Errand:
    return Errand(key, "/work/60.0", body, JobState.CANCELLED, cancel_after_s=chance.uniform(0, 10))


_KINDS: list[tuple[Callable[[str, bytes, random.Random], Errand], int]] = [
    (_quick, 50),
    (_short, 25),
    (_long, 2),
    (_gil, 2),
    (_flaky, 9),
    (_deadly, 2),
    (_hopeless, 5),
    (_refused, 3),
    (_unwanted, 2),
]
