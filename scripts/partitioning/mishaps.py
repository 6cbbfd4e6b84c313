"""What goes wrong between hosts, and when: a plan, made of a seed. Pure, but for the random numbers it is given."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from partitioning.weather import FAIR, Weather

BROKER, STORE, SUBMITTER = "broker", "store", "submitter"
WORKERS = "a worker"
VANISHES, JOINS = "disappears for good", "joins"
UNPLUGGED, UNHEARD = "is unplugged", "hears nothing of the store"
_SHORTEST_S, _LONGEST_S, _LONGEST_FOR_ALL_S = 2.0, 60.0, 25.0
_REST_S = 6.0
"""How long a host is left alone, so that it is seen whether it works again."""
_VANISHES_AFTER, _JOINS_AFTER = (0.35, 0.5), 0.08


@dataclass(frozen=True)
class Mishap:
    """One thing that goes wrong with one host.

    Attributes:
        name: what happens, for people.
        at_s: when, seconds after the start.
        lasts_s: how long until it is mended; infinite where it is not.
        host: whose links are spoilt.
        peers: the other ends of these; none means all.
        weather: how.
    """

    name: str
    at_s: float
    lasts_s: float
    host: str
    peers: tuple[str, ...] = ()
    weather: Weather = FAIR

    def __str__(self) -> str:
        lasting = f" for {self.lasts_s:.0f} s" if self.lasts_s < float("inf") else ""
        return f"{self.host} {self.name}{lasting}{_told(self.weather)}"


@dataclass(frozen=True)
class _Kind:
    weight: int
    host: str
    name: str
    peers: tuple[str, ...]
    weather: Callable[[random.Random], Weather]


def plan(seconds: float, every_s: float, workers: Sequence[str], joining: str, chance: random.Random) -> list[Mishap]:
    """What goes wrong: one thing every few seconds, some at once, but only one with a host at a time.

    Args:
        seconds: by when all of it is mended.
        every_s: seconds between two of them, on average.
        workers: the hosts of workers; the last of them disappears, and ``joining`` comes in its place.
        joining: the name of that one.
        chance: where it comes from.
    """
    vanishes_at, joins_at = _exchange(seconds, chance)
    lives = {name: (0.0, vanishes_at if name == workers[-1] else seconds) for name in workers}
    lives |= dict.fromkeys((BROKER, STORE, SUBMITTER), (0.0, seconds))
    lives[joining] = (joins_at + _REST_S, seconds)
    mishaps = [
        Mishap(VANISHES, vanishes_at, float("inf"), workers[-1]),
        Mishap(JOINS, joins_at, float("inf"), joining),
    ]
    free_at = {name: begin for name, (begin, _) in lives.items()}
    at_s = chance.uniform(0.5, 1.0) * every_s
    while at_s < seconds:
        kind = chance.choices(_KINDS, [each.weight for each in _KINDS])[0]
        host = chance.choice([*workers, joining]) if kind.host == WORKERS else kind.host
        lasts_s = min(_lasting(kind, seconds, chance), lives[host][1] - at_s)
        if free_at[host] <= at_s and lasts_s >= _SHORTEST_S:
            mishaps.append(Mishap(kind.name, at_s, lasts_s, host, kind.peers, kind.weather(chance)))
            free_at[host] = at_s + lasts_s + _REST_S
        at_s += chance.uniform(0.5, 1.5) * every_s
    return sorted(mishaps, key=lambda mishap: mishap.at_s)


def _exchange(seconds: float, chance: random.Random) -> tuple[float, float]:
    vanishes_at = chance.uniform(*_VANISHES_AFTER) * seconds
    return vanishes_at, vanishes_at + _JOINS_AFTER * seconds


def _lasting(kind: _Kind, seconds: float, chance: random.Random) -> float:
    longest_s = _LONGEST_FOR_ALL_S if kind.host in {BROKER, STORE} else _LONGEST_S
    return chance.uniform(_SHORTEST_S, min(longest_s, seconds / 3))


def _cut(_: random.Random) -> Weather:
    return Weather(cut=True)


def _slow(chance: random.Random) -> Weather:
    delay_s = chance.uniform(0.05, 0.3)
    return Weather(delay_s=delay_s, jitter_s=delay_s * chance.uniform(0.1, 0.5))


def _lossy(chance: random.Random) -> Weather:
    return Weather(
        delay_s=0.005,
        jitter_s=0.005,
        loss=chance.uniform(0.05, 0.2),
        twice=chance.uniform(0.01, 0.1),
        early=chance.uniform(0.01, 0.1),
    )


def _told(weather: Weather) -> str:
    told = [f"{weather.delay_s * 1000:.0f} ms"] if weather.delay_s else []
    told += [f"{weather.loss:.0%} lost, {weather.twice:.0%} twice"] if weather.loss else []
    return f" ({', '.join(told)})" if told else ""


_BOTH = (BROKER, STORE)
_KINDS = [
    _Kind(4, WORKERS, "cannot reach the broker", (BROKER,), _cut),
    _Kind(4, WORKERS, "cannot reach the store", (STORE,), _cut),
    _Kind(4, WORKERS, "reaches neither broker nor store", _BOTH, _cut),
    _Kind(2, WORKERS, UNHEARD, (STORE,), _cut),
    _Kind(2, WORKERS, UNPLUGGED, (), lambda _: FAIR),
    _Kind(3, WORKERS, "has slow links", _BOTH, _slow),
    _Kind(3, WORKERS, "has lossy links", _BOTH, _lossy),
    _Kind(1, SUBMITTER, "cannot reach the broker", (BROKER,), _cut),
    _Kind(1, SUBMITTER, "cannot reach the store", (STORE,), _cut),
    _Kind(1, SUBMITTER, "reaches neither broker nor store", _BOTH, _cut),
    _Kind(1, SUBMITTER, "has slow links", _BOTH, _slow),
    _Kind(1, SUBMITTER, "has lossy links", _BOTH, _lossy),
    _Kind(2, STORE, "cannot be reached by anybody", (), _cut),
    _Kind(2, BROKER, "cannot be reached by anybody", (), _cut),
]
