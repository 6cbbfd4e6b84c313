"""A topic as the running broker has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pubsubctl.emulator.embedded.channel import Channel


class Topic:
    """Its settings, its subscriptions by uid, and ``tail``: one more than the id of its last message in the log."""

    def __init__(self, uid: int, config: Any, *, tail: int = 1, deleted: bool = False) -> None:
        self.uid = uid
        self.config = config
        self.tail = tail
        self.deleted = deleted
        self.channels: dict[int, Channel] = {}

    @property
    def name(self) -> str:
        """The resource name."""
        name: str = self.config.name
        return name

    def written(self, messages: list[tuple[int, bytes]]) -> None:
        """Offer messages that are in the log now to every subscription."""
        tail, self.tail = self.tail, messages[-1][0] + 1
        for channel in self.channels.values():
            channel.deliveries.offer(messages, tail)
            channel.pump()
