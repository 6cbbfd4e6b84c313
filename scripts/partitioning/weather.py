"""What happens to packets between two hosts. Pure, but for the random numbers that it is given."""

import heapq
import random
from collections.abc import Iterable
from dataclasses import asdict, dataclass

_MOST_WAITING = 100_000


@dataclass(frozen=True)
class Weather:
    """Of one direction between two hosts.

    Attributes:
        cut: nothing arrives.
        delay_s: how long every packet takes.
        jitter_s: how much longer it takes, at most.
        loss: the share that does not arrive.
        twice: the share that arrives two times.
        early: the share that overtakes those before it.
    """

    cut: bool = False
    delay_s: float = 0.0
    jitter_s: float = 0.0
    loss: float = 0.0
    twice: float = 0.0
    early: float = 0.0

    def document(self) -> dict[str, float]:
        """All of it, for JSON."""
        return asdict(self)


FAIR = Weather()


def worst(many: Iterable[Weather]) -> Weather:
    """What comes of several at once."""
    found = list(many) or [FAIR]
    return Weather(
        cut=any(each.cut for each in found),
        delay_s=sum(each.delay_s for each in found),
        jitter_s=sum(each.jitter_s for each in found),
        loss=max(each.loss for each in found),
        twice=max(each.twice for each in found),
        early=max(each.early for each in found),
    )


class Sky:
    """The packets that are on their way, and when each arrives. Times are seconds that only rise."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._number = 0
        self._waiting: list[tuple[float, int, str, bytes]] = []
        self._last: dict[tuple[str, str], float] = {}

    def send(self, sender: str, receiver: str, packet: bytes, weather: Weather, now: float) -> None:
        """A packet sets out; those of one direction stay in their order, but for what the weather does to them."""
        if weather.cut or self._falls(weather.loss) or len(self._waiting) > _MOST_WAITING:
            return
        due = now + weather.delay_s + (self._chance.uniform(0, weather.jitter_s) if weather.jitter_s else 0.0)
        if self._falls(weather.early):
            due = now
        else:
            due = self._last[sender, receiver] = max(due, self._last.get((sender, receiver), 0.0))
        self._put(due, receiver, packet)
        if self._falls(weather.twice):
            self._put(due, receiver, packet)

    def arrived(self, now: float) -> list[tuple[str, bytes]]:
        """What has arrived by now, and where."""
        found = []
        while self._waiting and self._waiting[0][0] <= now:
            _, _, receiver, packet = heapq.heappop(self._waiting)
            found.append((receiver, packet))
        return found

    def next_at(self) -> float | None:
        """When the next one arrives."""
        return self._waiting[0][0] if self._waiting else None

    def _falls(self, share: float) -> bool:
        return share > 0 and self._chance.random() < share

    def _put(self, due: float, receiver: str, packet: bytes) -> None:
        self._number += 1
        heapq.heappush(self._waiting, (due, self._number, receiver, packet))
