"""The network between the hosts, as whoever spoils it sees it."""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from partitioning.leftovers import CODE_PATH
from partitioning.weather import FAIR, Weather, worst

Pair = tuple[str, str]


class Network:
    """A switch, started with it. Any thread may call it.

    Args:
        seed: of what becomes of single packets.
    """

    def __init__(self, seed: int) -> None:
        self._lock = threading.Lock()
        self._spells: list[Mapping[Pair, Weather]] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "partitioning.switch", str(seed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": CODE_PATH},
            start_new_session=True,
            text=True,
        )

    def connect(self, address: str, namespace: str) -> None:
        """Give a host its link."""
        self._order({"connect": address, "namespace": namespace})

    def disconnect(self, address: str) -> None:
        """Take it away, for good."""
        self._order({"disconnect": address})

    @contextlib.contextmanager
    def spell(self, weather: Mapping[Pair, Weather]) -> Iterator[None]:
        """Bad weather; several spells at once add up."""
        self._change(lambda: self._spells.append(weather))
        try:
            yield
        finally:
            self._change(lambda: self._spells.remove(weather))

    def close(self) -> None:
        """End the switch, and all links with it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(10)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _change(self, act: Any) -> None:
        with self._lock:
            act()
            pairs = {pair for spell in self._spells for pair in spell}
            found = {pair: worst(spell[pair] for spell in self._spells if pair in spell) for pair in pairs}
            self._say({"weather": [[*pair, weather.document()] for pair, weather in found.items() if weather != FAIR]})

    def _order(self, order: dict[str, Any]) -> None:
        with self._lock:
            self._say(order)

    def _say(self, order: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        if answer != "ok":
            raise RuntimeError(f"the switch could not obey {order}: {answer or 'it has ended'}")


def both_ways(one: str, others: Iterable[str], weather: Weather) -> dict[Pair, Weather]:
    """The same weather in both directions between a host and others."""
    return {pair: weather for other in others for pair in ((one, other), (other, one))}
