"""The work of ``dlq purge``: delete dead letters for good, by id or by what they are."""

from collections.abc import Sequence
from functools import partial

from pubsubctl.claimcheck import ClaimCheck
from pubsubctl.cli.confirming import confirm
from pubsubctl.cli.stepping import Steps
from pubsubctl.deadletters import deleted
from pubsubctl.errors import JobNotFound, PubsubctlError
from pubsubctl.job import Job
from pubsubctl.render.figures import plural
from pubsubctl.render.output import Format, each, note
from pubsubctl.render.purged import Purged
from pubsubctl.selecting import Selection, of_ids, portions
from pubsubctl.store.base import Store


def by_id(store: Store, bodies: ClaimCheck, job_ids: Sequence[str], form: Format, *, yes: bool, dry_run: bool) -> None:
    """Delete these, with their large bodies.

    Raises:
        UsageError: there is no terminal on which to ask.
        JobNotFound: some are not there.
        PubsubctlError: the answer was no; or some are no dead letters. All others are deleted.
    """
    jobs, unknown = of_ids(store, job_ids)
    dead = [job for job in jobs if job.dead_letter]
    _ask(len(dead), yes=yes or dry_run)
    each((one for part in portions(dead) for one in _purge(store, bodies, part, dry_run=dry_run)), form)
    if unknown:
        raise JobNotFound(f"no job {' or '.join(map(repr, unknown))} in the store; `pubsubctl dlq list` lists what is")
    others = [f"{job.id} ({job.state})" for job in jobs if not job.dead_letter]
    if others:
        raise PubsubctlError(f"no dead letter: {', '.join(others)}; only what was given up on is purged")


def by_selection(
    store: Store, bodies: ClaimCheck, selection: Selection, form: Format, *, yes: bool, dry_run: bool
) -> None:
    """Delete whatever is selected.

    Args:
        store: where they are.
        bodies: what keeps their large bodies.
        selection: which.
        form: how to show it.
        yes: whether to do so without asking.
        dry_run: whether only to show which they are.

    Raises:
        typer.Exit: Ctrl-C was pressed.
        JobNotFound: there is no such batch.
        UsageError: there is no terminal on which to ask.
        PubsubctlError: the answer was no.
    """
    total, chosen = selection.counted(store)
    _ask(total, yes=yes or dry_run)
    act = partial(_purge, store, bodies, dry_run=dry_run)
    steps = Steps(store, chosen, act, doing="purged", total=total, form=form, dry_run=dry_run)
    steps.carry_out("dead letter", none="there is no such dead letter")


def _ask(count: int, *, yes: bool) -> None:
    if count:
        gone = plural(count, "dead letter is", "dead letters are")
        confirm("purge", (), f"{gone} deleted for good.", yes=yes)


def _purge(store: Store, bodies: ClaimCheck, jobs: Sequence[Job], *, dry_run: bool) -> list[Purged]:
    """Those that are deleted, or would be."""
    if dry_run:
        return [_purged(job, gone=False) for job in jobs]
    gone, left = deleted(store, bodies, jobs)
    if left:
        note(left)
    return [_purged(job, gone=True) for job in gone]


def _purged(job: Job, *, gone: bool) -> Purged:
    return Purged(job.id, job.reason or "", gone)
