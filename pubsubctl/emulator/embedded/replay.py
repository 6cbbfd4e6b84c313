"""Of google.pubsub.v1.Subscriber what lets a subscription have messages again: snapshots, and seek."""

from typing import Any

from pubsubctl.emulator.embedded import limits, seek, settings
from pubsubctl.emulator.embedded.backlog import Backlog
from pubsubctl.emulator.embedded.broker import Broker
from pubsubctl.emulator.embedded.channel import Channel
from pubsubctl.emulator.embedded.names import DELETED_TOPIC, check, check_project, generated, project_of
from pubsubctl.emulator.embedded.pages import page
from pubsubctl.emulator.embedded.protocol import Empty, ListSnapshotsResponse, SeekResponse
from pubsubctl.emulator.embedded.protocol import Snapshot as SnapshotConfig
from pubsubctl.emulator.embedded.snapshots import Snapshot
from pubsubctl.emulator.embedded.status import invalid, not_found


class Replay:
    """The RPCs, named as in the API in snake case; each takes a request and returns a response, or raises Refusal."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._catalogue = broker.catalogue

    async def create_snapshot(self, request: Any, _context: Any) -> Any:
        """Keep what a subscription has still to deliver."""
        check("subscriptions", request.subscription)
        name = request.name or generated("snapshots", project_of(request.subscription))
        check("snapshots", name)
        limits.check_labels(request.labels)
        channel = self._channel(request.subscription)
        config = await self._snapshot_config(name, channel, request)

        def backlog() -> Backlog:
            # It may have been deleted, and its topic with it, while the snapshot waited for its turn.
            if self._catalogue.channels.get(channel.name) is not channel:
                raise not_found("Subscription does not exist")
            channel.check_attached()
            return channel.deliveries.backlog()

        return (await self._broker.snapshots.create(config, channel.topic, backlog)).config

    async def get_snapshot(self, request: Any, _context: Any) -> Any:
        """A snapshot's settings."""
        return shown(self._broker.snapshots.find(check("snapshots", request.snapshot)))

    async def list_snapshots(self, request: Any, _context: Any) -> Any:
        """A project's snapshots."""
        project = check_project(request.project)
        snapshots = {
            name: one for name, one in self._broker.snapshots.by_name.items() if name.startswith(f"{project}/")
        }
        found, token = page(snapshots, request.page_size, request.page_token)
        return ListSnapshotsResponse(snapshots=map(shown, found), next_page_token=token)

    async def update_snapshot(self, request: Any, _context: Any) -> Any:
        """Change what the mask names."""
        settings.check_mask(request.update_mask, "Snapshot")
        name = check("snapshots", request.snapshot.name)

        def changed(old: Any) -> Any:
            return settings.updated_snapshot(old, request, self._now_s())

        return shown(await self._broker.snapshots.update(name, changed))

    async def delete_snapshot(self, request: Any, _context: Any) -> Any:
        """Delete a snapshot, and with it what only it kept."""
        snapshot = await self._broker.snapshots.delete(check("snapshots", request.snapshot))
        self._broker.sweep(snapshot.topic)
        return Empty()

    async def seek(self, request: Any, _context: Any) -> Any:
        """Go back, or on, to a time or to a snapshot."""
        name = check("subscriptions", request.subscription)
        target = request.WhichOneof("target")
        if target == "snapshot":
            snapshot = check("snapshots", request.snapshot)
            self._broker.snapshots.find(snapshot)
            wanted = seek.to_snapshot(lambda: self._broker.snapshots.find(snapshot))
        elif target == "time":
            wanted = seek.to_time(self._broker, request.time.ToNanoseconds())
        else:
            raise invalid(
                "No target was specified in the SeekRequest. Must specify either a time or a snapshot (target)"
            )
        self._channel(name).check_attached()
        self._broker.sweep((await self._catalogue.rewind(name, wanted)).topic)
        return SeekResponse()

    # Inside

    async def _snapshot_config(self, name: str, channel: Channel, request: Any) -> Any:
        """A snapshot lives as long as its oldest message can: a week from when that was published."""
        now_s = self._now_s()
        log, topic, oldest = self._broker.log, channel.topic, channel.deliveries.backlog().oldest()
        published_at = await self._broker.read(lambda: log.messages.published_at(topic.uid, oldest))
        config = SnapshotConfig(name=name, topic=DELETED_TOPIC if topic.deleted else topic.name, labels=request.labels)
        config.expire_time.seconds = limits.snapshot_expiry(published_at or now_s, now_s)
        return config

    def _channel(self, name: str) -> Channel:
        channel = self._catalogue.channels.get(name)
        return channel or self._catalogue.find_channel(check("subscriptions", name))

    def _now_s(self) -> int:
        return self._broker.clock.time_ns() // 1_000_000_000


def shown(snapshot: Snapshot) -> Any:
    """A snapshot's settings, and of its topic's what it shows."""
    if not snapshot.topic.deleted:
        return snapshot.config
    config = type(snapshot.config)()
    config.CopyFrom(snapshot.config)
    config.topic = DELETED_TOPIC
    return config
