"""A topic as the running broker has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pubsubctl.emulator.embedded.limits import seconds

if TYPE_CHECKING:
    from pubsubctl.emulator.embedded.channel import Channel
    from pubsubctl.emulator.embedded.snapshots import Snapshot


class Topic:
    """Its settings, subscriptions and snapshots by uid; ``tail``: one more than the id of its last message in the log.

    Detached subscriptions are not among its subscriptions.
    """

    def __init__(self, uid: int, config: Any, *, tail: int = 1, deleted: bool = False) -> None:
        self.uid = uid
        self.config = config
        self.tail = tail
        self.deleted = deleted
        self.channels: dict[int, Channel] = {}
        self.snapshots: dict[int, Snapshot] = {}

    @property
    def name(self) -> str:
        """The resource name."""
        name: str = self.config.name
        return name

    @property
    def is_kept(self) -> bool:
        """Whether somebody could still ask for its messages."""
        return bool(self.channels or self.snapshots or (self.retention_s and not self.deleted))

    @property
    def retention_s(self) -> float:
        """For how many seconds messages are kept for everybody, acknowledged or not."""
        return seconds(self.config.message_retention_duration)

    @property
    def replayable_s(self) -> float:
        """For how many seconds at least one subscription may have acknowledged messages again."""
        retained = [channel.replayable_s for channel in self.channels.values()]
        return max(retained, default=0.0 if self.deleted else self.retention_s)

    def written(self, messages: list[tuple[int, bytes]]) -> None:
        """Offer messages that are in the log now to every subscription."""
        tail, self.tail = self.tail, messages[-1][0] + 1
        for channel in self.channels.values():
            channel.deliveries.offer(messages, tail)
            channel.pump()
