"""What the log has of subscriptions and snapshots."""

from __future__ import annotations

from array import array
from typing import NamedTuple


class StoredSubscription(NamedTuple):
    """A row of ``subscriptions``."""

    uid: int
    topic: int
    config: bytes
    position: int
    unsettled: array[int]
    origin: int
    epoch: int
    active_at: int


class StoredSnapshot(NamedTuple):
    """A row of ``snapshots``."""

    uid: int
    topic: int
    config: bytes
    position: int
    unsettled: array[int]
    settled: array[int]
