"""The work of ``submit``: hand in what there is, and wait where that is asked for."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from pubsubctl import names
from pubsubctl.cli.codes import Code
from pubsubctl.cli.following import Batch, Endings, Surroundings
from pubsubctl.cli.sources import Asked, Source, source
from pubsubctl.cli.waiting import Patience, coming_back, patiently, wait_for_batch, wait_for_job
from pubsubctl.client import Client
from pubsubctl.errors import BrokerError, InvalidRequest, PubsubctlError, StoreError, Unreachable, UsageError
from pubsubctl.job import Job, JobState
from pubsubctl.render import batch as batches
from pubsubctl.render import result as results
from pubsubctl.render.batch import BatchView
from pubsubctl.render.display import Display
from pubsubctl.render.drawing import is_terminal
from pubsubctl.render.figures import plural
from pubsubctl.render.output import Format, commands, document, flush, line, note, streamed
from pubsubctl.render.plain import ended, why
from pubsubctl.settings import Settings
from pubsubctl.submission import Submission


def run(
    settings: Settings, asked: Asked, *, wait: bool, limit_s: float | None, form: Format, output: Path | None
) -> None:
    """Submit what is asked for.

    Raises:
        typer.Exit: with the code that says what became of the jobs waited for.
        PubsubctlError: it cannot be submitted, or not as a whole.
    """
    coming = source(asked)
    if output is not None and not coming.single:
        raise UsageError("-o takes one response; of many jobs, `pubsubctl result JOB -o FILE` gives each")
    with Client(settings) as client:
        if not wait:
            _submit_only(client, coming, form)
        elif coming.single:
            _one(client, coming, Patience.of(limit_s), form, output)
        else:
            _Many(client, form).run(coming, Patience.of(limit_s))


def _submit_only(client: Client, coming: Source, form: Format) -> None:
    batch_id = names.new_batch_id()
    with _telling(client, coming, batch_id):
        ids = (job.id for job in client.submit_many(_pausing(coming, flush), batch_id=batch_id))
        if form is Format.JSON:
            streamed({"batch_id": batch_id}, "ids", ids)
            return
        job_id = None
        for job_id in ids:
            document({"id": job_id, "batch_id": batch_id}, form) if form is Format.JSONL else line(job_id)
    flush()
    if job_id is None:
        note("no job was submitted: nothing was asked for")
    elif not coming.single:
        note(f"{_submitted(client, batch_id)}; to follow them:")
        commands(f"pubsubctl status {batch_id} --watch")


def _one(client: Client, coming: Source, patience: Patience, form: Format, output: Path | None) -> None:
    batch_id = names.new_batch_id()
    with _telling(client, coming, batch_id):
        submitted = list(client.submit_many(coming, batch_id=batch_id))
    job_id = submitted[0].id
    with coming_back("the job goes on", f"pubsubctl status {job_id} --watch", f"pubsubctl result {job_id}"):
        surroundings = Surroundings(client.store, client.connection.address, client.settings.lease)
        job = wait_for_job(client.store, job_id, surroundings, patience)
    _show_ended(client, job, form, output)
    if job.state is not JobState.SUCCEEDED:
        note(f"pubsubctl: job {job.id} {job.state}: {why(job)}")
        raise typer.Exit(Code.JOB_FAILED)


def _show_ended(client: Client, job: Job, form: Format, output: Path | None) -> None:
    response = client.store.response(job.id)
    if form is Format.JSONL:
        document(job.document(), form)
    elif form is Format.JSON and response is None:
        document(job.document() | {"headers": None, "body_base64": None})
    elif form is Format.TEXT and job.state is JobState.SUCCEEDED:
        note(ended(job))
    if response is None:
        return
    if form is Format.JSON:
        with client.bodies.opened(job.id, response) as body:
            results.show(job.id, response, body, form=form, before=job.document())
    if form is Format.TEXT or output is not None:
        with client.bodies.opened(job.id, response) as body:
            results.show(job.id, response, body, form=Format.TEXT, output=output)


class _Many:
    """Many jobs, submitted and waited for."""

    def __init__(self, client: Client, form: Format) -> None:
        self._client = client
        self._form = form
        self._batch_id = names.new_batch_id()
        self._endings = Endings(client.store) if form is Format.JSONL else None
        surroundings = Surroundings(client.store, client.connection.address, client.settings.lease)
        self._batch = Batch(client.store, self._batch_id, surroundings, submitting=True)
        self._submitted = 0

    def run(self, coming: Source, patience: Patience) -> None:
        """Submit, wait, show what became of them.

        Raises:
            typer.Exit: some have not succeeded, or Ctrl-C was pressed.
            PubsubctlError: see ``submitting.run``.
        """
        lines_are_shown = self._form is Format.JSONL and is_terminal(sys.stdout)
        back = coming_back("the jobs go on", f"pubsubctl status {self._batch_id} --watch")
        with back, Display(sys.stderr, quiet=lines_are_shown) as display:
            with _telling(self._client, coming, self._batch_id):
                self._submit(coming, display)
            view = wait_for_batch(self._look, display, patience)
            self._print_rest()
            if is_terminal(sys.stdout):
                display.clear()  # the summary says it all
        self._show(view)
        if view.unsuccessful:
            note(f"pubsubctl: {view.unsuccessful:,} of {plural(view.submitted, 'job')} did not succeed")
            raise typer.Exit(Code.JOB_FAILED)

    def _submit(self, coming: Source, display: Display) -> None:
        def look() -> None:
            if self._submitted and display.due:
                display.show(patiently(lambda: self._look(submitting=True), display))

        # Where requests are typed, what is shown while one is waited for would be among what is typed.
        coming_on = coming if is_terminal(sys.stdin) else _pausing(coming, look)
        for job in self._client.submit_many(coming_on, batch_id=self._batch_id):
            if job.existed and not self._batch.also(job.id):
                continue
            self._submitted += 1
            if self._endings is not None:
                self._endings.add(job.id)
            if display.due:
                display.show(self._look(submitting=True))

    def _look(self, *, submitting: bool = False) -> BatchView:
        self._print_endings()
        return self._batch.look(self._submitted, submitting=submitting)

    def _print_endings(self) -> None:
        if self._endings is not None:
            for job in self._endings.take():
                document(job.document(), Format.JSONL)

    def _print_rest(self) -> None:
        while self._endings:
            self._print_endings()

    def _show(self, view: BatchView) -> None:
        if self._submitted == 0:
            note("nothing was submitted: there is no request in the input")
        elif self._form is Format.TEXT:
            batches.summary(view)
        elif self._form is Format.JSON:
            head = batches.content(view)
            streamed(head, "jobs", (job.document() for job in self._batch.jobs()))


def _pausing(coming: Source, pause: Callable[[], None]) -> Iterator[Submission | None]:
    """What comes, with a call of ``pause`` whenever the next is waited for, once what has come is submitted."""
    for submission in coming:
        yield submission
        if submission is None:
            pause()


@contextmanager
def _telling(client: Client, coming: Source, batch_id: str) -> Iterator[None]:
    """Say what was submitted, where not all of it was, and after Ctrl-C how to come back to it.

    Raises:
        typer.Exit: Ctrl-C was pressed.
        PubsubctlError: it could not be submitted, or not as a whole.
    """
    try:
        yield
    except PubsubctlError as error:
        if coming.single:
            raise
        told = _submitted(client, batch_id, refused=isinstance(error, BrokerError))
        raise type(error)(f"{error}; {told}") from error
    except KeyboardInterrupt:
        flush()
        told = _submitted(client, batch_id)
        known = batch_id in told
        note(f"pubsubctl: interrupted; {told}" + ("; to come back:" if known else ""))
        if known:
            commands(f"pubsubctl status {batch_id} --watch")
        raise typer.Exit(Code.INTERRUPTED) from None
    stopped_by = coming.stopped_by
    if stopped_by is not None:
        raise stopped_by if coming.single else InvalidRequest(f"{stopped_by}; {_submitted(client, batch_id)}")


def _submitted(client: Client, batch_id: str, *, refused: bool = False) -> str:
    try:
        counts = client.store.counts(batch_id)
    except (Unreachable, StoreError) as error:
        return f"how many jobs were submitted is not known: {error}"
    count, failed = sum(counts.values()), counts[JobState.FAILED] if refused else 0
    if failed and failed == count:
        return f"{plural(count, 'job')} kept as failed in {batch_id}"
    some = f", of which {failed:,} are kept as failed" if failed else ""
    return f"submitted {plural(count, 'job')} as {batch_id}{some}" if count else "no job was submitted"
