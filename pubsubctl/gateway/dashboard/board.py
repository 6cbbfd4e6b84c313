"""What all pages share."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pubsubctl.client import Client
from pubsubctl.errors import PubsubctlError
from pubsubctl.gateway.dashboard.patience import Patience
from pubsubctl.gateway.dashboard.session import Sessions
from pubsubctl.settings import Settings
from pubsubctl.store.base import Store

T = TypeVar("T")


class Kept(Generic[T]):
    """What is costly to find out, kept for a moment: many may look at the same page, each every other second.

    Args:
        ask: finds it out.
        for_s: how long it is good.
    """

    def __init__(self, ask: Callable[[], T], for_s: float) -> None:
        self._ask = ask
        self._for_s = for_s
        self._lock = threading.Lock()
        self._found: T | PubsubctlError | None = None
        self._until = float("-inf")

    def get(self) -> T | PubsubctlError:
        """As it was a moment ago, or is now; or the error that asking ended with, which all who wait get at once."""
        with self._lock:
            if self._found is None or time.monotonic() > self._until:
                try:
                    self._found = self._ask()
                except PubsubctlError as error:
                    self._found = error
                self._until = time.monotonic() + self._for_s
            return self._found


@dataclass(frozen=True)
class Board:
    """A dashboard.

    Attributes:
        client: of whose store and broker it is.
        sessions: who is signed in.
        hosts: the names by which it may be called where nobody signs in, without ports, in lower case.
        patience: with those who sign in.
        at_broker: what a page has while it asks the broker, which may take long: no more than two do at a time, so
            that there are threads left for all else.
    """

    client: Client
    sessions: Sessions
    hosts: frozenset[str] = frozenset()
    patience: Patience = field(default_factory=Patience)
    at_broker: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(2))

    @property
    def store(self) -> Store:
        """Where the jobs are."""
        return self.client.store

    @property
    def settings(self) -> Settings:
        """What is in force."""
        return self.client.settings
