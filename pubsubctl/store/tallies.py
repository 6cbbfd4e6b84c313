"""How many jobs are in each state, kept beside the jobs: ``counts`` reads some rows, however many jobs there are.

A transaction adds up what it does to the numbers, and writes that as its last step: a few rows, for any number of jobs.
(Triggers would do so for every job, which costs SQLite as much as a third of all that it does for one.) Where several
transactions write at once each takes a slot at random, so that they rarely wait for one another; and as nothing is
locked after that, none waits for one that waits for it. A number is the sum of its slots.
"""

import random
from collections import Counter
from collections.abc import Iterable

from sqlalchemy.sql import bindparam, case, func, select, update

from pubsubctl.job import JobState
from pubsubctl.store import rows
from pubsubctl.store.schema import jobs, tallies
from pubsubctl.store.statements import Row, Statement

_SLOTS = {"sqlite": 1, "postgresql": 16}
"""In how many parts a number is kept: SQLite has one writer at a time."""

# Row by row, never at once: that locks them in the order of the states, for everybody.
ADD = Statement(
    update(tallies)
    .where(tallies.c.state == bindparam("of_state"), tallies.c.slot == bindparam("in_slot"))
    .values(jobs=tallies.c.jobs + bindparam("more"))
)
RECOUNT = Statement(
    update(tallies).values(
        jobs=case(
            (tallies.c.slot == 0, select(func.count()).where(jobs.c.state == tallies.c.state).scalar_subquery()),
            else_=0,
        )
    )
)
"""Right whatever they were, as long as nobody else writes: a worker of an older version changes jobs and not these."""
READ = Statement(select(tallies.c.state, func.sum(tallies.c.jobs)).group_by(tallies.c.state))


def none_yet(dialect: str) -> str:
    """The statement that makes all rows, of a store without jobs: they are there from the beginning."""
    values = ", ".join(f"('{state}', {slot}, 0)" for state in JobState for slot in range(_SLOTS[dialect]))
    return f"INSERT INTO tallies (state, slot, jobs) VALUES {values}"  # noqa: S608 - all of it is ours


class Tally:
    """What one transaction does to the numbers."""

    def __init__(self) -> None:
        self._changes: Counter[str] = Counter()

    def came(self, states: Iterable[str]) -> None:
        """Jobs are in these states that were in none, or that went."""
        self._changes.update(states)

    def went(self, states: Iterable[str]) -> None:
        """Jobs that were in these states are not in them any more."""
        self._changes.subtract(states)

    def moved(self, before: Iterable[str], after: JobState) -> None:
        """Jobs that were in these states are in that one."""
        states = list(before)
        self._changes.subtract(states)
        self._changes[after] += len(states)

    def counted(self, written: Iterable[tuple[str, int]]) -> dict[JobState, int]:
        """The numbers as this transaction sees them: what is written, and what it has yet to write."""
        found = Counter({rows.STATES[state]: int(number) for state, number in written})
        return {state: found[state] + self._changes[state] for state in JobState}

    def take(self, dialect: str) -> list[Row]:
        """The rows to write, as ``ADD`` takes them, in one order for all; there are none of them any more."""
        slot = random.randrange(_SLOTS[dialect])  # noqa: S311 - no secret
        changed = self._changes
        found: list[Row] = [
            {"of_state": str(state), "in_slot": slot, "more": changed[state]} for state in JobState if changed[state]
        ]
        self._changes.clear()
        return found

    def clear(self) -> None:
        """The transaction is undone."""
        self._changes.clear()
