"""Snapshots: what a subscription had still to deliver at one moment, kept with the messages for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from pubsubctl.emulator.embedded.backlog import Backlog
from pubsubctl.emulator.embedded.changes import Changes
from pubsubctl.emulator.embedded.frames import pack_ids
from pubsubctl.emulator.embedded.iam import Policies
from pubsubctl.emulator.embedded.log import Log
from pubsubctl.emulator.embedded.protocol import Snapshot as SnapshotConfig
from pubsubctl.emulator.embedded.status import already_exists, not_found
from pubsubctl.emulator.embedded.topic import Topic


class Snapshot:
    """Its settings, its topic, and the backlog that it keeps."""

    def __init__(self, uid: int, config: Any, topic: Topic, backlog: Backlog) -> None:
        self.uid = uid
        self.config = config
        self.topic = topic
        self.backlog = backlog

    @property
    def name(self) -> str:
        """The resource name."""
        name: str = self.config.name
        return name


class Topics(Protocol):
    """Where a topic is found by its number."""

    def topic(self, uid: int) -> Topic | None:
        """The topic of that uid, deleted or not."""


class Snapshots:
    """All of them; changes are seen once they are in the log."""

    def __init__(self, log: Log, changes: Changes, policies: Policies, topics: Topics) -> None:
        """Restore what is in the log."""
        self.by_name: dict[str, Snapshot] = {}
        self._changes = changes
        self._policies = policies
        for stored in log.snapshots():
            topic = topics.topic(stored.topic)
            assert topic is not None, "a topic stays in the log while a snapshot of it is there"
            backlog = Backlog(stored.position, stored.unsettled, stored.settled)
            self._add(Snapshot(stored.uid, SnapshotConfig.FromString(stored.config), topic, backlog))

    def find(self, name: str) -> Snapshot:
        """The snapshot of that name.

        Raises:
            Refusal: NOT_FOUND.
        """
        snapshot = self.by_name.get(name)
        if snapshot is None:
            raise not_found("Snapshot does not exist")
        return snapshot

    async def create(self, config: Any, topic: Topic, backlog: Callable[[], Backlog]) -> Snapshot:
        """Keep what ``backlog`` gives when the snapshot's turn has come.

        Raises:
            Refusal: ALREADY_EXISTS, or the log could not be written.
        """

        async def create() -> Snapshot:
            if config.name in self.by_name:
                raise already_exists("Snapshot already exists")
            snapshot = Snapshot(self._changes.new_uid(), config, topic, backlog())
            # Before it is written: from now on no message that it needs may be swept.
            topic.snapshots[snapshot.uid] = snapshot
            try:
                await self._changes.write(
                    "INSERT INTO snapshots (uid, name, topic, config, position, unsettled, settled) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (snapshot.uid, config.name, topic.uid, config.SerializeToString(), *_packed(snapshot.backlog)),
                )
            except BaseException:
                del topic.snapshots[snapshot.uid]
                raise
            self._add(snapshot)
            return snapshot

        return await self._changes.make(create())

    async def update(self, name: str, changed: Callable[[Any], Any]) -> Snapshot:
        """Give a snapshot the settings that ``changed`` makes of those it has.

        Raises:
            Refusal: NOT_FOUND, what ``changed`` raises, or the log could not be written.
        """

        async def update() -> Snapshot:
            snapshot = self.find(name)
            config = changed(snapshot.config)
            statement = "UPDATE snapshots SET config = ? WHERE uid = ?"
            await self._changes.write(statement, (config.SerializeToString(), snapshot.uid))
            snapshot.config = config
            return snapshot

        return await self._changes.make(update())

    async def delete(self, name: str) -> Snapshot:
        """Delete a snapshot.

        Raises:
            Refusal: NOT_FOUND, or the log could not be written.
        """

        async def delete() -> Snapshot:
            snapshot = self.find(name)
            self._policies.forget(name)
            await self._changes.write("DELETE FROM snapshots WHERE uid = ?", (snapshot.uid,))
            del self.by_name[name]
            del snapshot.topic.snapshots[snapshot.uid]
            return snapshot

        return await self._changes.make(delete())

    def _add(self, snapshot: Snapshot) -> None:
        self.by_name[snapshot.name] = snapshot
        snapshot.topic.snapshots[snapshot.uid] = snapshot


def _packed(backlog: Backlog) -> tuple[int, bytes, bytes]:
    return backlog.position, pack_ids(backlog.unsettled), pack_ids(backlog.settled)
