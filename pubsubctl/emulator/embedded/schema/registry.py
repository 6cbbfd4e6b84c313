"""All schemas, in memory as in the log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from pubsubctl.emulator.embedded.changes import Changes
from pubsubctl.emulator.embedded.clock import Clock
from pubsubctl.emulator.embedded.log import Log
from pubsubctl.emulator.embedded.protocol import PACKAGE, message_class
from pubsubctl.emulator.embedded.schema.compiled import Compiled, compiled, shortened
from pubsubctl.emulator.embedded.schema.revisions import History, Revision
from pubsubctl.emulator.embedded.schema.settings import check_settings, shown_settings
from pubsubctl.emulator.embedded.schema.validation import validate
from pubsubctl.emulator.embedded.status import already_exists, invalid, not_found

Schema = message_class(f"{PACKAGE}.Schema")


class Schemas:
    """Changes are made one at a time, and are seen once they are in the log.

    A revision that was deleted stays in the log, and in its history, as an empty row.

    ``on_delete`` is called, in the turn of the change, with the name of a schema that was just deleted: topics that
    have it must not get another schema of that name that may be made later.
    """

    def __init__(self, log: Log, changes: Changes, clock: Clock) -> None:
        """Restore what is in the log."""
        self.by_name: dict[str, History] = {}
        self.on_delete: Callable[[str], Awaitable[None]] = _nothing
        self._changes = changes
        self._clock = clock
        rows = log.rows("SELECT name, revision, position, content FROM schemas ORDER BY name, position")
        for name, revision, position, content in rows:
            history = self.by_name.setdefault(name, History(name))
            if content:
                history.revisions[revision] = Revision(Schema.FromString(content), position)
            else:
                history.deleted[revision] = position

    # For topics

    def check_settings(self, schema_settings: Any) -> None:
        """Refuse settings that name no schema, no encoding, or no range of revisions.

        Raises:
            Refusal: INVALID_ARGUMENT or NOT_FOUND.
        """
        check_settings(schema_settings, self.by_name.get(schema_settings.schema))

    def shown(self, schema_settings: Any) -> Any:
        """A topic's settings as they are to be shown: what was deleted is not named any more."""
        return shown_settings(schema_settings, self.by_name.get(schema_settings.schema))

    async def validate(self, schema_settings: Any, messages: Any) -> None:
        """See that every message fits its topic's schema, and add the attributes that say to which revision of it.

        Raises:
            Refusal: INVALID_ARGUMENT: one does not. NOT_FOUND: the schema was deleted. FAILED_PRECONDITION: there is
                no revision left in the range, or what is needed for it is not installed.
        """
        history = self.by_name.get(schema_settings.schema)
        if history is None:
            raise not_found("Schema associated with topic deleted.")
        await validate(history, schema_settings, messages)

    # Looking up

    def find(self, name: str) -> History:
        """The revisions of the schema ``name``.

        Raises:
            Refusal: NOT_FOUND.
        """
        history = self.by_name.get(name)
        if history is None:
            raise not_found("Schema not found")
        return history

    # Changing

    async def create(self, name: str, wanted: Any) -> Revision:
        """Add a schema with one revision.

        Raises:
            Refusal: INVALID_ARGUMENT: the definition is none. ALREADY_EXISTS, or the log could not be written.
        """
        self._check_absent(name)
        ready = await compiled(wanted)

        async def create() -> Revision:
            self._check_absent(name)
            return await self._add(History(name), wanted, ready)

        return await self._changes.make(create())

    async def commit(self, name: str, wanted: Any) -> Revision:
        """Add a revision.

        Raises:
            Refusal: INVALID_ARGUMENT: the definition is none, or does not go with the other revisions. NOT_FOUND,
                RESOURCE_EXHAUSTED, or the log could not be written.
        """
        _check_type(self.find(name), wanted)
        ready = await compiled(wanted)
        # Before its turn too: what it is compared with may have to be compiled, for which no other change should wait.
        await _check_compatible(self.find(name), ready)

        async def commit() -> Revision:
            history = self.find(name)
            _check_type(history, wanted)
            await _check_compatible(history, ready)
            return await self._add(history, wanted, ready)

        return await self._changes.make(commit())

    async def roll_back(self, name: str, revision_id: str) -> Revision:
        """Add a revision that is a copy of an earlier one.

        Raises:
            Refusal: NOT_FOUND, RESOURCE_EXHAUSTED, or the log could not be written.
        """

        async def roll_back() -> Revision:
            history = self.find(name)
            earlier = history.find(revision_id, "Revision not found")
            return await self._add(history, earlier.schema)

        return await self._changes.make(roll_back())

    async def delete_revision(self, name: str, revision_id: str) -> Revision:
        """Delete a revision, unless it is the last.

        Raises:
            Refusal: NOT_FOUND, INVALID_ARGUMENT, or the log could not be written.
        """

        async def delete() -> Revision:
            history = self.find(name)
            revision = history.check_deletable(revision_id)
            statement = "UPDATE schemas SET content = x'' WHERE name = ? AND revision = ?"
            await self._changes.write(statement, (name, revision_id))
            history.deleted[revision_id] = history.revisions.pop(revision_id).position
            return revision

        return await self._changes.make(delete())

    async def delete(self, name: str) -> None:
        """Delete a schema.

        Raises:
            Refusal: NOT_FOUND, or the log could not be written.
        """

        async def delete() -> None:
            self.find(name)
            await self._changes.write("DELETE FROM schemas WHERE name = ?", (name,))
            del self.by_name[name]
            await self.on_delete(name)

        await self._changes.make(delete())

    # Inside

    def _check_absent(self, name: str) -> None:
        if name in self.by_name:
            raise already_exists("Schema already exists")

    async def _add(self, history: History, wanted: Any, ready: Compiled | None = None) -> Revision:
        """Write a further revision, with the definition of ``wanted``, and then add it."""
        id_, position = history.next()
        schema = Schema(name=history.name, type=wanted.type, definition=wanted.definition, revision_id=id_)
        if wanted.HasField("compiled_proto_schema"):
            schema.compiled_proto_schema.CopyFrom(wanted.compiled_proto_schema)
        schema.revision_create_time.FromNanoseconds(self._clock.time_ns())
        await self._changes.write(
            "INSERT INTO schemas (name, revision, position, content) VALUES (?, ?, ?, ?)",
            (history.name, id_, position, schema.SerializeToString()),
        )
        revision = history.revisions[id_] = Revision(schema, position, ready)
        self.by_name[history.name] = history
        return revision


async def _nothing(_name: str) -> None:
    """What a broker without topics does about a deleted schema."""


def _check_type(history: History, wanted: Any) -> None:
    if wanted.type != history.latest.schema.type:
        raise invalid(f"Invalid schema type: a revision has that of the others of {history.name} (schema.type)")


async def _check_compatible(history: History, ready: Compiled) -> None:
    """Every revision has to go with every other, as any range of them may be in use."""
    for revision in reversed(list(history.revisions.values())):
        problem = ready.incompatibility(await revision.compiled())
        if problem:
            raise invalid(
                f'Compatibility checking failed to commit a schema revision for (schema="{history.name}"): '
                f"it is incompatible with the revision {revision.id}: {shortened(problem)}"
            )
