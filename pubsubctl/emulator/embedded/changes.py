"""Changes to topics, subscriptions and snapshots: one at a time, in the log first and then in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from pubsubctl.emulator.embedded.committer import Committer
from pubsubctl.emulator.embedded.log import Log

T = TypeVar("T")


class Changes:
    """Makes changes in turn, and numbers what they make."""

    def __init__(self, log: Log, committer: Committer) -> None:
        self._committer = committer
        self._next_resource = log.counter("next_resource")
        self._turn = asyncio.Lock()
        self._running: set[asyncio.Task[Any]] = set()

    async def make(self, change: Coroutine[Any, Any, T]) -> T:
        """Make a change in its turn, wholly, even if whoever asked for it goes away meanwhile.

        Raises:
            Refusal: what ``change`` raises.
        """

        async def in_turn() -> T:
            async with self._turn:
                return await change

        task = asyncio.create_task(in_turn())
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def write(self, statement: str, parameters: tuple[object, ...]) -> None:
        """Write one statement.

        Raises:
            Refusal: it could not be written.
        """
        await self._committer.write(statement, parameters)

    async def write_last(self, *statements: tuple[str, tuple[object, ...]]) -> None:
        """Write statements that undo the acknowledgements before them.

        Raises:
            Refusal: they could not be written.
        """
        group = self._committer.open()
        group.last.extend(statements)
        await self._committer.outcome(group.written)

    def also(self, statement: str, parameters: tuple[object, ...], *, then: Callable[[], object] | None = None) -> None:
        """Add a statement to the transaction of what is written next; call ``then`` when it is written."""
        group = self._committer.open()
        group.statements.append((statement, parameters))
        if then is not None:
            group.written.append(lambda error: then() if error is None else None)

    def new_uid(self) -> int:
        """A number that no topic, subscription or snapshot has had; what is written next keeps it."""
        uid = self._next_resource
        self._next_resource += 1
        self.also("UPDATE counters SET value = ? WHERE name = 'next_resource'", (self._next_resource,))
        return uid

    async def finish(self) -> None:
        """Wait until the changes that were begun are made."""
        await asyncio.gather(*self._running, return_exceptions=True)
