"""The revisions of one schema, in the order in which they were made."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import grpc

from pubsubctl.emulator.embedded.schema.compiled import Compiled, compiled
from pubsubctl.emulator.embedded.status import Refusal, invalid, not_found

REVISIONS = 20


class Revision:
    """One revision: the Schema message with all its fields, and what reads messages once that is needed."""

    def __init__(self, schema: Any, position: int, ready: Compiled | None = None) -> None:
        self.schema = schema
        self.position = position
        self._ready = ready
        self._compiling = asyncio.Lock()

    @property
    def id(self) -> str:
        """Eight hexadecimal digits."""
        id_: str = self.schema.revision_id
        return id_

    async def compiled(self) -> Compiled:
        """The schema ready for use; compiled now if it was not yet in this run of the broker.

        Raises:
            Refusal: FAILED_PRECONDITION: what is needed for it is not installed any more.
        """
        if self._ready is None:
            async with self._compiling:
                if self._ready is None:
                    self._ready = await compiled(self.schema)
        return self._ready


class History:
    """All revisions of one schema, by id and rising; ``deleted`` has the positions of those that are gone.

    These are kept because a topic's range may begin or end with one of them.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.revisions: dict[str, Revision] = {}
        self.deleted: dict[str, int] = {}

    @property
    def latest(self) -> Revision:
        """The newest."""
        return next(reversed(self.revisions.values()))

    def find(self, id_: str, problem: str = "Schema revision not found") -> Revision:
        """The revision of that id.

        Raises:
            Refusal: NOT_FOUND, with ``problem``.
        """
        revision = self.revisions.get(id_)
        if revision is None:
            raise not_found(problem)
        return revision

    def next(self) -> tuple[str, int]:
        """An id and a position for a further revision.

        Raises:
            Refusal: RESOURCE_EXHAUSTED: there are as many as there may be.
        """
        if len(self.revisions) >= REVISIONS:
            raise Refusal(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"Already at maximum number of schema revisions, {REVISIONS}: delete one of {self.name} first",
            )
        positions = [*self.deleted.values(), *(revision.position for revision in self.revisions.values())]
        return self._new_id(), max(positions, default=0) + 1

    def check_deletable(self, id_: str) -> Revision:
        """The revision of that id, if another is left without it.

        Raises:
            Refusal: NOT_FOUND; INVALID_ARGUMENT: it is the last.
        """
        revision = self.find(id_)
        if len(self.revisions) == 1:
            raise invalid("Cannot delete last revision. Please use DeleteSchema.")
        return revision

    def between(self, first: str, last: str) -> list[Revision]:
        """The revisions from ``first`` to ``last``, newest first; an empty id is no limit, a deleted one still is one.

        So where the range begins or ends with a deleted revision, the next one inside counts instead.
        """
        start = self._position(first, 0)
        end = self._position(last, self.latest.position)
        return [one for one in reversed(self.revisions.values()) if start <= one.position <= end]

    def _position(self, id_: str, default: int) -> int:
        revision = self.revisions.get(id_)
        return revision.position if revision else self.deleted.get(id_, default)

    def _new_id(self) -> str:
        while (id_ := secrets.token_hex(4)) in self.revisions or id_ in self.deleted:
            pass
        return id_
