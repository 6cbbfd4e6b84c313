"""Faults on demand: what can happen to a consumer of the real service on a bad day, as often as one likes."""

from __future__ import annotations

import math
import random
import re
import secrets
from dataclasses import dataclass

from pubsubctl.emulator.embedded.faults import Faults
from pubsubctl.emulator.embedded.status import unavailable
from pubsubctl.errors import UsageError

RATES = ("duplicate", "drop-ack", "nack", "disconnect", "unavailable")
EXAMPLE = "duplicate=0.01,drop-ack=0.01,delay=200ms"

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s)?")


@dataclass(frozen=True)
class Plan:
    """How often each fault happens, each rate between 0 and 1; and what they are drawn from.

    ``duplicate``: a message that was sent is delivered once more (not where delivery is exactly once).
    ``drop-ack``: an ack is lost, though its sender is told nothing (where delivery is exactly once, that it failed).
    ``nack``: a message that was sent is refused, as if by its taker.
    ``disconnect``: a stream ends instead of sending a response.
    ``unavailable``: an RPC is answered UNAVAILABLE, and nothing of it is done.
    """

    rates: tuple[tuple[str, float], ...] = ()
    delay_s: float = 0.0
    seed: int | None = None

    @classmethod
    def parse(cls, text: str) -> Plan:
        """Read ``duplicate=P,drop-ack=P,delay=MS,nack=P,disconnect=P,unavailable=P,seed=N``; ``off`` is no fault.

        Raises:
            UsageError: it is something else.
        """
        if text.strip() in {"", "off"}:
            return cls()
        given: dict[str, str] = {}
        for part in text.split(","):
            name, equals, value = (piece.strip() for piece in part.partition("="))
            if not equals or name not in {*RATES, "delay", "seed"}:
                raise UsageError(
                    f"chaos is {', '.join(RATES)} (rates from 0 to 1), delay (as 200ms) and seed, "
                    f"such as {EXAMPLE}, or off; not {part.strip()!r}"
                )
            if name in given:
                raise UsageError(f"chaos names {name} twice")
            given[name] = value
        rates = tuple((name, _rate(name, given[name])) for name in RATES if name in given)
        return cls(rates, _delay_s(given.get("delay", "0")), _seed(given.get("seed")))

    @property
    def is_eventful(self) -> bool:
        """Whether anything happens by it."""
        return bool(self.delay_s or any(rate for _, rate in self.rates))

    def __str__(self) -> str:
        if not self.is_eventful:
            return "off"
        parts = [f"{name}={rate:g}" for name, rate in self.rates if rate]
        if self.delay_s:
            parts.append(f"delay={self.delay_s * 1_000:g}ms")
        if self.seed is not None:
            parts.append(f"seed={self.seed}")
        return ",".join(parts)


class Chaos(Faults):
    """Faults by a plan, which may be changed at any time. Equal seeds draw equal numbers, each fault its own."""

    def __init__(self, plan: Plan | None = None) -> None:
        """Follow ``plan``; no faults unless one is given."""
        self.plan = Plan()
        self._rates: dict[str, float] = {}
        self._draws: dict[str, random.Random] = {}
        self.follow(plan or Plan())

    def follow(self, plan: Plan) -> None:
        """Begin anew with another plan; one that names no seed gets one."""
        seed = secrets.randbelow(2**32) if plan.seed is None else plan.seed
        self.plan = Plan(plan.rates, plan.delay_s, seed)
        self.delay_s = plan.delay_s
        self._rates = dict(plan.rates)
        self._draws = {name: random.Random(f"{seed} {name}") for name in RATES}  # noqa: S311 - no secret
        self.active = any(self._rates.get(name) for name in ("duplicate", "drop-ack", "nack"))

    async def before_rpc(self, method: str) -> None:
        """Refuse it, or not."""
        if self._happens("unavailable"):
            raise unavailable(f"{method} was refused (chaos unavailable={self._rates['unavailable']:g})")

    def drops_ack(self) -> bool:
        """Whether an ack is lost."""
        return self._happens("drop-ack")

    def nacks(self) -> bool:
        """Whether a message is refused."""
        return self._happens("nack")

    def duplicates(self) -> bool:
        """Whether a message is delivered once more."""
        return self._happens("duplicate")

    def disconnects(self) -> bool:
        """Whether a stream ends."""
        return self._happens("disconnect")

    def _happens(self, name: str) -> bool:
        rate = self._rates.get(name)
        return bool(rate) and self._draws[name].random() < (rate or 0.0)


def _rate(name: str, text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 <= rate <= 1:
        raise UsageError(f"chaos {name} is a rate from 0 to 1, such as 0.01, not {text!r}")
    return rate


def _delay_s(text: str) -> float:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise UsageError(f"chaos delay is a time such as 200ms or 1.5s, not {text!r}")
    return float(match[1]) * (1 if match[2] == "s" else 0.001)


def _seed(text: str | None) -> int | None:
    if text is not None and not text.isdecimal():
        raise UsageError(f"chaos seed is a whole number, not {text!r}")
    return None if text is None else int(text)
