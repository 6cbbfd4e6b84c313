"""Keeping the log short: acks are folded into their subscription's row, and messages nobody needs are deleted."""

from collections.abc import Iterable

from pubsubctl.emulator.embedded.catalogue import Catalogue
from pubsubctl.emulator.embedded.channel import Channel
from pubsubctl.emulator.embedded.frames import pack_ids
from pubsubctl.emulator.embedded.group import Group, Sweep
from pubsubctl.emulator.embedded.topic import Topic

FOLD_AFTER_ACKS = 50_000
FOLD_AFTER_GROUPS = 500


class Upkeep:
    """Adds its work to groups that are about to be written."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._acks: dict[int, int] = {}
        self._groups: dict[int, int] = {}
        self._sweeping: dict[int, int] = dict.fromkeys(catalogue.orphans(), 0)

    def add_to(self, group: Group) -> None:
        """Fold what has gathered, and sweep on."""
        for uid, ids in group.acks.items():
            self._acks[uid] = self._acks.get(uid, 0) + len(ids)
            self._groups[uid] = self._groups.get(uid, 0) + 1
        for uid in list(group.acks):
            if self._acks[uid] >= FOLD_AFTER_ACKS or self._groups[uid] >= FOLD_AFTER_GROUPS:
                self._fold(uid, group)
        for topic in [self._catalogue.topic(uid) for uid in self._sweeping]:
            if topic is not None:
                self._sweep(topic, group)

    def sweep(self, topic: Topic) -> None:
        """Look through all of a topic's messages from the next group on."""
        self._sweeping[topic.uid] = 0

    @property
    def busy(self) -> bool:
        """Whether another group is wanted."""
        return bool(self._sweeping)

    def _fold(self, uid: int, group: Group) -> None:
        self._acks[uid] = self._groups[uid] = 0
        channel = self._catalogue.channel(uid)
        if channel is None:
            return
        deliveries = channel.deliveries
        group.positions[uid] = deliveries.position, pack_ids(deliveries.unsettled_ids())
        group.acks[uid].extend(deliveries.settled_ids())
        self._sweeping.setdefault(channel.topic.uid, 0)

    def _sweep(self, topic: Topic, group: Group) -> None:
        channels = topic.channels.values()
        sweep = Sweep(
            topic=topic.uid,
            start=self._sweeping.pop(topic.uid),
            below=min((channel.deliveries.position for channel in channels), default=self._catalogue.next_message),
            kept=_unsettled(channels),
        )
        group.sweeps.append(sweep)
        group.written.append(lambda error: self._swept(sweep, topic) if error is None else None)

    def _swept(self, sweep: Sweep, topic: Topic) -> None:
        if sweep.start is not None:
            self._sweeping.setdefault(topic.uid, sweep.start)
        elif topic.deleted and not topic.channels:
            self._catalogue.forget(topic)


def _unsettled(channels: Iterable[Channel]) -> list[int]:
    """The ids that at least one subscription still needs, rising."""
    return sorted(set().union(*(channel.deliveries.unsettled_ids() for channel in channels)))
