"""Group commit: whatever arrived while the last transaction was written goes into the next.

The broker's event loop fills the open group; a thread writes one group at a time. Nothing waits on a timer, except
acks that could not be written, which are tried again.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from array import array
from collections.abc import Callable

from pubsubctl.emulator.embedded.clock import Clock
from pubsubctl.emulator.embedded.faults import Faults
from pubsubctl.emulator.embedded.group import Done, Group
from pubsubctl.emulator.embedded.log import Log
from pubsubctl.emulator.embedded.status import Refusal, exhausted, internal

RETRY_S = 0.5


class Committer:
    """Belongs to the event loop that it is made in; all methods are called there."""

    def __init__(self, log: Log, *, clock: Clock, faults: Faults, before: Callable[[Group], None]) -> None:
        """Nothing is written before ``start``.

        Args:
            log: what is written to.
            clock: dates the messages.
            faults: may fail a commit.
            before: called with each group when it is closed, to add what depends on all that is in it.
        """
        self._log = log
        self._clock = clock
        self._faults = faults
        self._before = before
        self._loop = asyncio.get_running_loop()
        self._open = Group()
        self._time_s = 0
        self._unwritten: dict[int, array[int]] = {}
        self._writing = False
        self._scheduled = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._queue: queue.SimpleQueue[Group | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="broker-log", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def open(self) -> Group:
        """The group that the next transaction will write."""
        if not self._scheduled:
            self._scheduled = True
            self._idle.clear()
            if not self._writing:
                self._loop.call_soon(self._close_group)
        return self._open

    async def write(self, statement: str, parameters: tuple[object, ...]) -> None:
        """Write one statement and wait for its transaction.

        Raises:
            Refusal: it could not be written.
        """
        group = self.open()
        group.statements.append((statement, parameters))
        await self.outcome(group.written)

    async def outcome(self, listeners: list[Done]) -> None:
        """Wait for the transaction of a group's part: ``group.written`` or ``group.acknowledged``.

        Raises:
            Refusal: it could not be written.
        """
        future: asyncio.Future[None] = self._loop.create_future()
        listeners.append(lambda error: _settle(future, error))
        await future

    def ack(self, subscription: int, ids: array[int]) -> Group:
        """Write that these messages are acknowledged; however often it takes."""
        group = self.open()
        group.add_acks(subscription, ids)
        return group

    async def close(self) -> None:
        """Write what is left and end the thread."""
        await self._idle.wait()
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _close_group(self) -> None:
        self._scheduled = False
        group, self._open = self._open, Group()
        for subscription, ids in self._unwritten.items():
            group.add_acks(subscription, ids)
        self._unwritten = {}
        # Never less than before, whatever becomes of the clock: messages are looked for by time.
        self._time_s = group.time_s = max(self._time_s, self._clock.time_ns() // 1_000_000_000)
        self._before(group)
        self._writing = True
        self._queue.put(group)

    def _work(self) -> None:
        while (group := self._queue.get()) is not None:
            errors = self._commit(group)
            self._loop.call_soon_threadsafe(self._finish, group, *errors)

    def _commit(self, group: Group) -> tuple[BaseException | None, BaseException | None]:
        """Write a group, or else its acks alone; what failed of the group, and of the acks."""
        error = self._attempt(group)
        group.shrink = error is None and group.shrink and self._shrink()
        if error is None or not group.acks:
            return error, error
        return error, self._attempt(group.only_acks())

    def _attempt(self, group: Group) -> BaseException | None:
        try:
            self._faults.before_commit()
            self._log.commit(group)
        except sqlite3.OperationalError as error:
            return exhausted(f"The message log could not be written: {error}. Make room for {self._log.path}.")
        except Exception as error:  # noqa: BLE001 - the thread lives on; whoever waits is told
            return internal(f"The message log could not be written: {error}.")
        return None

    def _shrink(self) -> bool:
        """Whether there is more to give back. What was committed stays so, whatever becomes of this."""
        try:
            return self._log.shrink()
        except sqlite3.Error:
            return False

    def _finish(self, group: Group, written: BaseException | None, acknowledged: BaseException | None) -> None:
        for done in group.written:
            done(written)
        for done in group.acknowledged:
            done(acknowledged)
        if acknowledged is not None and group.acks:
            self._keep(group.acks)
        self._writing = False
        if self._scheduled:
            self._close_group()
        else:
            self._idle.set()

    def _keep(self, acks: dict[int, array[int]]) -> None:
        """Acks are facts: they go into the next group, at the latest after a while."""
        for subscription, ids in acks.items():
            self._unwritten.setdefault(subscription, array("Q")).extend(ids)
        self._loop.call_later(RETRY_S, self.open)


def _settle(future: asyncio.Future[None], error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        assert isinstance(error, Refusal)
        future.set_exception(error)
