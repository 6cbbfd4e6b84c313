"""Filling the window of one subscription's deliveries from the log."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any, Protocol

from pubsubctl.emulator.embedded.deliveries import Deliveries
from pubsubctl.emulator.embedded.log import Log
from pubsubctl.emulator.embedded.topic import Topic

READ_MESSAGES = 4_000
READ_SIZE = 4 * 2**20
READ_BODIES = 500


class Surroundings(Protocol):
    """Where messages are read."""

    log: Log

    async def read(self, function: Callable[[], Any]) -> Any:
        """Call ``function``, which reads the log, in the thread for that."""


class Loading:
    """At most one task at a time, which reads until the window is full or there is no more."""

    def __init__(
        self,
        topic: Topic,
        around: Surroundings,
        *,
        loaded: Callable[[], None],
        failed: Callable[[sqlite3.Error], None],
    ) -> None:
        """Nothing is read before ``start``.

        Args:
            topic: whose messages.
            around: where they are read.
            loaded: called whenever some came.
            failed: called when the log could not be read.
        """
        self._topic = topic
        self._around = around
        self._loaded = loaded
        self._failed = failed
        self._task: asyncio.Task[None] | None = None

    def start(self, current: Callable[[], Deliveries]) -> None:
        """Read for ``current`` deliveries, unless that is being done or nothing is wanted."""
        if self._task is None and self._has_more(current()):
            self._task = asyncio.get_running_loop().create_task(self._load(current))

    def then(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` when what is being read has come; at once if nothing is."""
        if self._task is None:
            callback()
        else:
            self._task.add_done_callback(lambda _: callback())

    def cancel(self) -> None:
        """Read no more."""
        if self._task is not None:
            self._task.cancel()

    def _has_more(self, deliveries: Deliveries) -> bool:
        return bool(deliveries.wants() and (deliveries.bodiless(1) or deliveries.position < self._topic.tail))

    async def _load(self, current: Callable[[], Deliveries]) -> None:
        try:
            while self._has_more(deliveries := current()):
                await self._load_some(deliveries)
                self._loaded()
        except sqlite3.Error as error:
            self._failed(error)
        finally:
            self._task = None

    async def _load_some(self, deliveries: Deliveries) -> None:
        log, topic = self._around.log, self._topic
        if ids := deliveries.bodiless(READ_BODIES):
            deliveries.load_bodies(await self._around.read(lambda: log.messages.bodies(topic.uid, ids, size=READ_SIZE)))
            return
        tail, start = topic.tail, deliveries.position
        wanted = min(deliveries.wants(), READ_MESSAGES)
        messages, position = await self._around.read(
            lambda: log.messages.read(topic.uid, start, messages=wanted, size=READ_SIZE)
        )
        deliveries.load(messages, position if messages else tail)
