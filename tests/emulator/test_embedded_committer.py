"""What goes into which transaction of the message log."""

import asyncio
from array import array
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from pubsubctl.emulator.embedded.clock import SystemClock
from pubsubctl.emulator.embedded.committer import Committer
from pubsubctl.emulator.embedded.faults import Faults
from pubsubctl.emulator.embedded.group import Group
from pubsubctl.emulator.embedded.log import Log

COUNT = ("UPDATE counters SET value = value + 1 WHERE name = 'next_resource'", ())


class Closed:
    """A committer on a log of its own, and the groups that it has closed."""

    def __init__(self, folder: Path) -> None:
        self.groups: list[Group] = []
        self._log = Log(folder / "broker.db")

    def run(self, work: Callable[[Committer], Awaitable[None]], acks_s: float = 0.003) -> list[tuple[int, int]]:
        """How many statements and acks each transaction had."""

        async def whole() -> None:
            committer = Committer(
                self._log, clock=SystemClock(), faults=Faults(), before=self.groups.append, acks_s=acks_s
            )
            committer.start()
            await work(committer)
            await committer.close()

        asyncio.run(whole())
        return [(len(group.statements), sum(map(len, group.acks.values()))) for group in self.groups]

    def acks(self) -> list[int]:
        return sorted(number for ids in self._log.acks(1) for number in ids)

    def close(self) -> None:
        self._log.close()


@pytest.fixture
def closed(tmp_path):
    closed = Closed(tmp_path)
    yield closed
    closed.close()


def test_acks_alone_wait_a_moment_and_are_written_by_themselves(closed):
    async def work(committer: Committer) -> None:
        committer.ack(1, array("Q", [7]))
        await committer.outcome(committer.open_for_acks().acknowledged)

    assert closed.run(work) == [(0, 1)]
    assert closed.acks() == [7]


def test_acks_go_with_what_is_written_next(closed):
    async def work(committer: Committer) -> None:
        committer.ack(1, array("Q", [7]))
        committer.ack(1, array("Q", [8]))
        await asyncio.sleep(0.01)
        assert closed.groups == [], "they wait"
        await committer.write(*COUNT)

    assert closed.run(work, acks_s=60.0) == [(1, 2)]
    assert closed.acks() == [7, 8]


def test_acks_that_come_while_a_group_is_about_to_be_closed_go_with_it(closed):
    async def work(committer: Committer) -> None:
        writing = asyncio.create_task(committer.write(*COUNT))
        await asyncio.sleep(0)
        committer.ack(1, array("Q", [7]))
        await writing

    assert closed.run(work) == [(1, 1)]


def test_a_committer_that_is_closed_writes_the_acks_that_wait(closed):
    async def work(committer: Committer) -> None:
        committer.ack(1, array("Q", [7]))

    assert closed.run(work) == [(0, 1)]
    assert closed.acks() == [7]
