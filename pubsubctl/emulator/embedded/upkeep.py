"""Keeping the log short: acks are folded into their subscription's row, and messages nobody needs are deleted."""

from collections.abc import Iterable
from itertools import chain

from pubsubctl.emulator.embedded.backlog import Backlog
from pubsubctl.emulator.embedded.catalogue import Catalogue
from pubsubctl.emulator.embedded.channel import Channel
from pubsubctl.emulator.embedded.clock import Clock
from pubsubctl.emulator.embedded.frames import pack_ids
from pubsubctl.emulator.embedded.group import Group, Sweep
from pubsubctl.emulator.embedded.topic import Topic

FOLD_AFTER_ACKS = 50_000
FOLD_AFTER_GROUPS = 500


class Upkeep:
    """Adds its work to groups that are about to be written."""

    def __init__(self, catalogue: Catalogue, clock: Clock) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._acks: dict[int, int] = {}
        self._groups: dict[int, int] = {}
        self._folding: set[int] = set()
        self._sweeping: dict[int, int] = dict.fromkeys(catalogue.orphans(), 0)

    def add_to(self, group: Group) -> None:
        """Fold what has gathered, and sweep on."""
        for uid, ids in chain(group.acks.items(), group.moved.items()):
            self._acks[uid] = self._acks.get(uid, 0) + len(ids)
            self._groups[uid] = self._groups.get(uid, 0) + 1
            if self._acks[uid] >= FOLD_AFTER_ACKS or self._groups[uid] >= FOLD_AFTER_GROUPS:
                self._folding.add(uid)
        for channel in [self._catalogue.channel(uid) for uid in self._folding]:
            if channel is not None and not channel.is_held:
                self._fold(channel, group)
        self._folding.clear()
        for uid in list(self._sweeping):
            topic = self._catalogue.topic(uid)
            if topic is None:
                del self._sweeping[uid]
            else:
                self._sweep(topic, group)

    def fold(self, channel: Channel) -> None:
        """Write down in the next group what a subscription has still to deliver."""
        self._folding.add(channel.uid)

    def sweep(self, topic: Topic) -> None:
        """Look through all of a topic's messages from the next group on."""
        self._sweeping[topic.uid] = 0

    @property
    def busy(self) -> bool:
        """Whether another group is wanted."""
        return bool(self._sweeping)

    def _fold(self, channel: Channel, group: Group) -> None:
        self._acks[channel.uid] = self._groups[channel.uid] = 0
        backlog = channel.deliveries.backlog()
        group.positions[channel.uid] = backlog.position, pack_ids(backlog.unsettled)
        if backlog.settled:
            group.add_acks(channel.uid, backlog.settled)
        self._sweeping.setdefault(channel.topic.uid, 0)

    def _sweep(self, topic: Topic, group: Group) -> None:
        backlogs = [channel.deliveries.backlog() for channel in topic.channels.values()]
        backlogs += [snapshot.backlog for snapshot in topic.snapshots.values()]
        sweep = Sweep(
            topic=topic.uid,
            start=self._sweeping.pop(topic.uid),
            below=min((backlog.position for backlog in backlogs), default=self._catalogue.next_message),
            kept=_unsettled(backlogs),
            before_s=self._clock.time_ns() / 1e9 - topic.replayable_s,
        )
        group.sweeps.append(sweep)
        group.written.append(lambda error: self._swept(sweep, topic) if error is None else None)

    def _swept(self, sweep: Sweep, topic: Topic) -> None:
        if sweep.start is not None:
            self._sweeping.setdefault(topic.uid, sweep.start)
        elif topic.deleted and not topic.is_kept:
            self._catalogue.forget(topic)


def _unsettled(backlogs: Iterable[Backlog]) -> list[int]:
    """The ids that at least one of them still needs, rising."""
    return sorted(set(chain.from_iterable(backlog.unsettled for backlog in backlogs)))
