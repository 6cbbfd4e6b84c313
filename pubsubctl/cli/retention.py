"""The work of ``purge``: jobs that ended long ago go, and their space is given back, while workers go on."""

import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence

from pubsubctl.claimcheck import ClaimCheck
from pubsubctl.cli.confirming import confirm
from pubsubctl.cli.stepping import telling_how_far, undisturbed
from pubsubctl.errors import UsageError
from pubsubctl.job import JobState
from pubsubctl.payloads.orphans import sweep
from pubsubctl.render.display import Display
from pubsubctl.render.figures import plural, size
from pubsubctl.render.going import Going
from pubsubctl.render.output import Format, note
from pubsubctl.render.retention import Purge, show
from pubsubctl.store.answers import Space
from pubsubctl.store.base import Store

_AT_ONCE = 100
"""Jobs of a transaction: as many as take some milliseconds."""
_PAUSES = 2
"""How many times as long as a transaction took others have the store for themselves."""
_WORTH_TELLING = 0.1
"""The share of a file that must be free before anybody is told how to get it back."""


class Retention:
    """A purge.

    Args:
        store: where the jobs are.
        age_s: how long ago they must have ended.
        states: which they must be in.
        vacuum: whether a file is written anew afterwards.
        bodies: what keeps their large bodies.
    """

    def __init__(
        self,
        store: Store,
        age_s: float,
        states: Sequence[JobState],
        *,
        vacuum: bool,
        bodies: ClaimCheck,
    ) -> None:
        self._store = store
        self._age_s = age_s
        self._states = states
        self._vacuum = vacuum
        self._bodies = bodies
        self._left_behind: str | None = None
        self._gone: Counter[JobState] = Counter()

    def apply(self, form: Format, *, yes: bool, dry_run: bool) -> None:
        """Purge, or tell what that would do; and show it.

        Raises:
            typer.Exit: Ctrl-C was pressed.
            UsageError: there is no terminal on which to ask, or no file to write anew.
            PubsubctlError: the answer was no.
        """
        there = self._store.purgeable(older_than_s=self._age_s, states=self._states)
        before = self._store.space()
        if self._vacuum and before is None:
            raise UsageError("the server of this store gives space back by itself; leave --vacuum out")
        if dry_run:
            self._show(there, before, before, form, done=False)
            return
        self._ask(sum(there.values()), before, yes=yes)
        with telling_how_far("purged", self._gone.total):
            self._purge(there)
            self._sweep_orphans()
            if before is not None:
                self._give_back()
        after = self._store.space()
        self._show(self._gone, before, after, form, done=True)
        _tell_of_vacuum(after)

    def _show(
        self, counts: Mapping[JobState, int], before: Space | None, after: Space | None, form: Format, *, done: bool
    ) -> None:
        total = before.total if before is not None else None
        room = (after.total, after.free) if after is not None else (None, None)
        show(Purge(self._age_s, counts, done, total, *room), form)

    def _ask(self, count: int, space: Space | None, *, yes: bool) -> None:
        lost = []
        if count:
            verb = plural(count, "job is", "jobs are")
            lost.append(f"{verb} deleted for good, with what was asked and answered.")
        if self._vacuum and space is not None:
            lost.append(
                f"The file is written anew: nothing can be written to the store until that is done, so workers wait. "
                f"Up to {size(space.total)} of disk are needed meanwhile beside it, and as much for temporary files."
            )
        if lost:
            confirm("purge", (), " ".join(lost), yes=yes)

    def _purge(self, there: Mapping[JobState, int]) -> None:
        with Display(sys.stderr) as display:
            for state, number in there.items():
                # No more than were told: what comes of age meanwhile is for the next time.
                while (left := number - self._gone[state]) > 0 and self._some(state, min(left, _AT_ONCE)):
                    display.show(Going("purged", self._gone.total(), sum(there.values())))
            display.clear()

    def _some(self, state: JobState, most: int) -> int:
        """One transaction, and a pause: others write too."""
        began = time.monotonic()
        with undisturbed():
            deleted = self._store.purge(older_than_s=self._age_s, states=[state], limit=most)
            self._gone[state] += deleted.count
            self._left_behind = self._bodies.delete(deleted.with_payloads) or self._left_behind
        _leave_room(began)
        return deleted.count

    def _sweep_orphans(self) -> None:
        """Bodies that no job has any more, or never had: see ``payloads.orphans``."""
        if self._left_behind is not None:
            note(self._left_behind)
        elif (place := self._bodies.place) is not None:
            found = sum(part.orphans + part.unfinished for part in sweep(place, self._store))
            if found:
                note(f"deleted {plural(found, 'body', 'bodies')} of no job from the payload place")

    def _give_back(self) -> None:
        if self._vacuum:
            note("the store is written anew; until that is done, workers wait")
            self._store.rewrite()
            return
        began = time.monotonic()
        while self._store.reclaim():
            _leave_room(began)
            began = time.monotonic()


def _leave_room(began: float) -> None:
    """Let others write, after something that began at that (monotonic) time."""
    time.sleep(_PAUSES * (time.monotonic() - began))


def _tell_of_vacuum(space: Space | None) -> None:
    if space is not None and not space.by_pieces and space.free > _WORTH_TELLING * space.total:
        note(
            f"{size(space.free)} of {size(space.total)} are free in the file, for the jobs that come; "
            "an older version made it, so the disk gets them back by `pubsubctl purge --vacuum` alone"
        )
