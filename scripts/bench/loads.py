"""How much each figure of the emulators' benchmark is measured with, and what ends a measurement."""

import time
from collections.abc import Callable
from dataclasses import dataclass

PROJECT = "bench"


class Failure(Exception):
    """A message was lost, or something took too long: there is no figure to tell."""


@dataclass(frozen=True)
class Load:
    """What is sent, and how long one figure may take.

    Attributes:
        messages: of each throughput figure with the clients.
        size: bytes of data in each of them.
        latencies: messages of the latency figures.
        waiting: messages of 1 KB that wait.
        timeout_s: for one figure.
    """

    messages: int = 20_000
    size: int = 100
    latencies: int = 200
    waiting: int = 1_000_000
    timeout_s: float = 120.0

    @property
    def bare(self) -> int:
        """Messages of each throughput figure with bare stubs: these are quick, so it takes more to see how quick."""
        return self.messages * 2


def wait_for(condition: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Wait in small steps.

    Raises:
        Failure: it did not become true in time.
    """
    give_up = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > give_up:
            raise Failure(f"timed out after {timeout_s:g} s: {what}")
        time.sleep(0.002)


def check_all(published: set[str], received: set[str], what: str) -> None:
    """See that nothing was lost on the way.

    Raises:
        Failure: something was.
    """
    lost = published - received
    if lost:
        raise Failure(f"{what}: {len(lost)} of {len(published)} messages were lost, such as {sorted(lost)[:5]}")
