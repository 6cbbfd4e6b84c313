"""The work of ``retry`` and ``dlq replay``: queue jobs again, by id or by what they are."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from pubsubctl.cli.confirming import confirm
from pubsubctl.cli.stepping import Steps
from pubsubctl.deadletters import RETRIABLE, queued_again, refusal
from pubsubctl.errors import JobNotFound, PubsubctlError
from pubsubctl.job import Job
from pubsubctl.liveness import alive
from pubsubctl.render.figures import plural
from pubsubctl.render.output import Format, commands, each, note
from pubsubctl.render.retried import Retried
from pubsubctl.selecting import Selection, of_ids, portions
from pubsubctl.store.base import Store


def by_id(
    store: Store,
    job_ids: Sequence[str],
    form: Format,
    *,
    dry_run: bool,
    refused: Callable[[Job], str | None] | None = None,
) -> None:
    """Queue these jobs again.

    Args:
        store: where they are.
        job_ids: which.
        form: how to show it.
        dry_run: whether only to show which they are.
        refused: why a job is not to be retried; ``refusal`` unless given.

    Raises:
        JobNotFound: some are not there.
        PubsubctlError: some are not to be retried. All others are.
    """
    why_not = refused or refusal
    jobs, unknown = of_ids(store, job_ids)
    fit = [job for job in jobs if not why_not(job)]
    done = [one for part in portions(fit) for one in _retry(store, part, dry_run=dry_run)]
    each(done, form)
    if done and not dry_run:
        _say_who_publishes(store)
    refusals = [why_not(job) for job in jobs]
    if unknown:
        raise JobNotFound(f"no job {' or '.join(map(repr, unknown))} in the store; `pubsubctl status` lists the latest")
    if any(refusals):
        raise PubsubctlError("; ".join(filter(None, refusals)))


def by_selection(store: Store, selection: Selection, form: Format, *, yes: bool, dry_run: bool) -> None:
    """Queue again whatever is selected.

    Args:
        store: where they are.
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
    if total and not dry_run:
        confirm("retry", (), f"{plural(total, 'job goes', 'jobs go')} back to the queue.", yes=yes)
    act = partial(_retry, store, dry_run=dry_run)
    steps = Steps(store, chosen, act, doing="queued again", total=total, form=form, dry_run=dry_run)
    steps.carry_out("job", none="nothing matches")
    if steps.count and not dry_run:
        _say_who_publishes(store)


def _retry(store: Store, jobs: Sequence[Job], *, dry_run: bool) -> Iterator[Retried]:
    """Those of the jobs that are queued again, or would be."""
    fit = [job for job in jobs if not refusal(job)]
    if dry_run:
        yield from (Retried(job.id, job.state, queued=False) for job in fit)
        return
    for found in queued_again(store, fit):
        yield Retried(found.job_id, str(found.state), queued=True)


def refusal_of_dead_letter(job: Job) -> str | None:
    """Why a job is not to be replayed, in a line: what was not given up on is none of the dead letters."""
    if job.dead_letter or job.state not in RETRIABLE:
        return refusal(job)
    how = f"{job.state}, {job.reason}" if job.reason else job.state
    return f"job {job.id} is no dead letter ({how}); `pubsubctl retry {job.id}` queues it again"


def _say_who_publishes(store: Store) -> None:
    now = store.now()
    if not any(alive(worker, now) for worker in store.workers()):
        note("no worker is running; they are published when one runs:")
        commands("pubsubctl worker start APP")
