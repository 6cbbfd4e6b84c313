"""The work of ``status``: everything at a glance, a job, or a batch; each can be shown once, or watched."""

import sys
import time
from abc import ABC, abstractmethod
from typing import Any

from pubsubctl.atwork import AtWork
from pubsubctl.broker.connection import Address, answers, locate
from pubsubctl.cli.following import Batch, Surroundings
from pubsubctl.cli.waiting import await_change, look_at_job, patiently, pause
from pubsubctl.errors import BrokerUnreachable, JobNotFound
from pubsubctl.job import JobState
from pubsubctl.liveness import alive
from pubsubctl.render import batch as batches
from pubsubctl.render import job as jobs
from pubsubctl.render import overview as overviews
from pubsubctl.render.display import Display, View
from pubsubctl.render.output import Format, document, streamed
from pubsubctl.selecting import dead_letters
from pubsubctl.settings import Settings
from pubsubctl.store.answers import Page
from pubsubctl.store.base import Store, Watch
from pubsubctl.store.claims import WorkerInfo

_LATEST = 10
_RUNNING = 200
_RETRYING, _RETRYING_SHOWN = 200, 5
_DEAD_LETTERS = 1000
"""Where counting them ends: it must not take long."""
_CHECK_S = 1.0
_CALM_S = 0.25
"""How often everything is looked at, at most: many jobs a second change much of it, which nobody can read."""
_TICK_S = 1.0
"""How long it is shown as it is while nothing changes in the store: the seconds in it, and who lives, do."""


class Subject(ABC):
    """What status is asked about."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @abstractmethod
    def show(self, form: Format) -> None:
        """Show it as it is now."""

    @abstractmethod
    def look(self) -> tuple[View, dict[str, Any], bool]:
        """As it is now: for a display, as JSON, and whether nothing more will happen."""

    def watch(self, form: Format) -> None:
        """Show it again and again; as JSON, one line whenever something has changed."""
        last: dict[str, Any] | None = None
        with self._store.watch() as watch, Display(sys.stdout, quiet=form is not Format.TEXT) as display:
            while True:
                began = time.monotonic()
                view, content, ended = patiently(self.look, display)
                display.show(view)
                if form is not Format.TEXT and content != last:
                    document(content, Format.JSONL)
                    last = content
                if ended:
                    break
                self.rest(began, watch)
            display.clear()
        if form is Format.TEXT:
            self.show(form)

    def rest(self, began: float, watch: Watch) -> None:  # noqa: ARG002 - for those that do not change all the time
        """Wait until the next look, after one that began at that (monotonic) time."""
        pause(began)


def subject(store: Store, settings: Settings, what: str | None) -> Subject:
    """Everything where nothing is named, else the job or the batch of that id.

    Raises:
        JobNotFound: there is none.
    """
    address = _address(settings)
    if what is None:
        return _Everything(store, settings, address)
    if store.get([what])[0] is not None:
        return _Job(store, what, Surroundings(store, address, settings.lease))
    if any(store.counts(what).values()):
        return _Batch(store, what, Surroundings(store, address, settings.lease))
    raise JobNotFound(f"no job or batch {what!r} in {settings.store_name}; `pubsubctl status` lists the latest jobs")


def _address(settings: Settings) -> Address | None:
    try:
        return locate(settings)
    except BrokerUnreachable:
        return None


class _Everything(Subject):
    def __init__(self, store: Store, settings: Settings, address: Address | None) -> None:
        super().__init__(store)
        self._settings = settings
        self._address = address
        self._answers = False
        self._checked_at = float("-inf")
        self._dead_letters = (0, False)
        self._ahead_s = store.now() - time.time()

    def show(self, form: Format) -> None:
        overviews.show(self._overview(), form)

    def look(self) -> tuple[View, dict[str, Any], bool]:
        overview = self._overview()
        return overview, overview.document(), False

    def rest(self, began: float, watch: Watch) -> None:
        """See ``Subject.rest``."""
        pause(began, _CALM_S)
        await_change(watch, _TICK_S)

    def _overview(self) -> overviews.Overview:
        settings, store = self._settings, self._store
        now = time.time() + self._ahead_s
        counts = store.counts()
        running = store.find(states=[JobState.RUNNING], limit=_RUNNING).jobs if counts[JobState.RUNNING] else []
        retrying = store.find(states=[JobState.RETRYING], limit=_RETRYING).jobs if counts[JobState.RETRYING] else []
        at_work = AtWork(running, all_known=counts[JobState.RUNNING] <= len(running))
        self._check(failed=counts[JobState.FAILED])
        return overviews.Overview(
            broker=self._address.kind if self._address else settings.broker,
            address=self._address.place if self._address else None,
            answers=self._answers,
            topic=settings.topic_path,
            subscription=settings.subscription_path,
            store=settings.store_name,
            counts=counts,
            workers=[_row(worker, at_work, now, settings.lease) for worker in store.workers()],
            jobs=store.find(limit=_LATEST).jobs,
            now=now,
            dead_letters=self._dead_letters[0],
            more_dead_letters=self._dead_letters[1],
            retrying=sorted(retrying, key=lambda job: job.not_before or 0.0)[:_RETRYING_SHOWN],
        )

    def _check(self, *, failed: int) -> None:
        """What need not be looked at in every frame."""
        if time.monotonic() - self._checked_at < _CHECK_S:
            return
        self._checked_at = time.monotonic()
        self._address = _address(self._settings)
        self._answers = self._address is not None and answers(self._address, timeout_s=0.5)
        page = _dead_letters(self._store) if failed else Page([])
        self._dead_letters = len(page.jobs), page.next_cursor is not None


def _dead_letters(store: Store) -> Page:
    chosen = dead_letters()
    return store.find(states=chosen.states, reasons=chosen.reasons, limit=_DEAD_LETTERS)


def _row(worker: WorkerInfo, at_work: AtWork, now: float, lease_s: float) -> overviews.WorkerRow:
    lives = alive(worker, now, lease_s)
    busy, running = at_work.of(worker, alive=lives)
    return overviews.WorkerRow(
        id=worker.id,
        host=worker.host,
        pid=worker.pid,
        app=worker.app,
        subscription=worker.subscription,
        slots=worker.slots,
        busy=busy,
        started_at=worker.started_at,
        seen_at=worker.seen_at,
        alive=lives,
        running=running,
        held=worker.held,
    )


class _Job(Subject):
    def __init__(self, store: Store, job_id: str, surroundings: Surroundings) -> None:
        super().__init__(store)
        self._job_id = job_id
        self._surroundings = surroundings

    def show(self, form: Format) -> None:
        jobs.show(self._view().job, form)

    def look(self) -> tuple[View, dict[str, Any], bool]:
        view = self._view()
        return view, jobs.in_full(view.job), view.job.finished

    def _view(self) -> jobs.JobView:
        return look_at_job(self._store, self._job_id, self._surroundings)


class _Batch(Subject):
    def __init__(self, store: Store, batch_id: str, surroundings: Surroundings) -> None:
        super().__init__(store)
        self._batch = Batch(store, batch_id, surroundings, submitting=False)

    def show(self, form: Format) -> None:
        view = self._view()
        if form is Format.TEXT:
            batches.show(view, self._batch.jobs())
            return
        for job in self._batch.jobs() if form is Format.JSONL else ():
            document(job.document(), form)
        if form is Format.JSON:
            streamed(batches.content(view), "jobs", (job.document() for job in self._batch.jobs()))

    def look(self) -> tuple[View, dict[str, Any], bool]:
        view = self._view()
        return view, batches.content(view), view.done

    def _view(self) -> batches.BatchView:
        return self._batch.look()
