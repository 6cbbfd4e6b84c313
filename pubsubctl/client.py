"""The public Python API: submit, go on with other work, ask now and then.

::

    from pubsubctl import Client

    with Client() as client:
        job = client.submit("POST", "/predict", json={"x": 1})
        ...
        if job.done():
            print(job.result().json())
"""

import math
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, BinaryIO, Self

from pubsubctl import names
from pubsubctl.broker.connection import Connection
from pubsubctl.bulks import BYTES_AT_ONCE, bulks
from pubsubctl.claimcheck import ClaimCheck
from pubsubctl.errors import (
    JobNotFound,
    NoResult,
    PayloadError,
    PubsubctlError,
    ResultNotReady,
)
from pubsubctl.exchange import Response
from pubsubctl.job import Job, JobState
from pubsubctl.multipart import Upload
from pubsubctl.notes import Notes
from pubsubctl.sending import Sender
from pubsubctl.settings import Settings
from pubsubctl.store.answers import Added
from pubsubctl.store.base import Store
from pubsubctl.store.opening import open_store
from pubsubctl.store.timeline import Event
from pubsubctl.submission import Data, Headers, Submission, build, of_mapping
from pubsubctl.submitted import SubmittedJob
from pubsubctl.waiting import LOOK_S, in_turn, rest_s, ride_out, time_left


class Client:
    """Submits jobs and reads their results. Use one in many threads, and close it, or use ``with``.

    Args:
        settings: read from the environment and pubsubctl.toml unless given.
        create_store: whether to make a store that does not exist yet.
        flags: single settings by name, such as ``store="..."``, before those.

    Raises:
        InvalidSetting: a setting cannot be used.
        StoreUnreachable: the store cannot be opened.
    """

    def __init__(self, settings: Settings | None = None, *, create_store: bool = True, **flags: Any) -> None:
        self.settings = settings or Settings.load(flags)
        self.store: Store = open_store(self.settings.store_url, create=create_store)
        self.bodies = ClaimCheck(self.settings.payload_terms(self.store.store_id))
        """What keeps large bodies apart."""
        self._connection: Connection | None = None
        self._connecting = threading.Lock()
        self._notes = Notes(self.store)
        self._sender = Sender(self.store, self.settings.topic_path, self.bodies, self._notes, lambda: self.connection)

    def submit(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        data: Data | None = None,
        files: Mapping[str, Upload] | None = None,
        headers: Headers = (),
        idempotency_key: str | None = None,
        ordering_key: str = "",
        delay: float = 0.0,
        job_timeout: float | None = None,
        max_attempts: int | None = None,
    ) -> SubmittedJob:
        """Submit one request; returns as soon as the broker has its message.

        Args:
            method: the HTTP method.
            path: the path, with its query.
            json: a body, sent as JSON.
            data: a body, sent as it is: bytes, text, the path of a file, or an open (binary) file. A file is read as it
                is submitted, and never as a whole where a payload place is set and it is large.
            files: the files of a multipart form, by field; ``Upload.of`` makes one of a path.
            headers: the header fields.
            idempotency_key: the same key gives the same job back; an ``Idempotency-Key`` among the headers is one too.
            ordering_key: jobs of one key run one after another.
            delay: seconds before it may run.
            job_timeout: seconds that an attempt may take.
            max_attempts: failures that it is allowed.

        Raises:
            InvalidRequest: no message can carry it, or the idempotency key is known with another request: another
                method, path or body, or a header that says more than which way the request came.
            PayloadsUnreachable: its body is large, and cannot be put into the payload place.
            BrokerUnreachable: no answer. The job is in the store; a worker publishes it when the broker is back.
            BrokerError: the broker refused; the job is marked as failed, and the idempotency key may be used again.
        """
        built = build(method, path, json_body=json, data=data, form=list((files or {}).items()), headers=headers)
        terms = (idempotency_key, ordering_key, delay, job_timeout, max_attempts)
        return self._submit([Submission(built.request, *terms, content=built.content)], None)[0]

    def submit_many(
        self, requests: Iterable[Mapping[str, Any] | Submission | None], *, batch_id: str | None = None
    ) -> Iterator[SubmittedJob]:
        """Submit requests as they come, in bulk; yields their jobs in order.

        Nothing is submitted that is not asked for: exhaust the iterator. At most a thousand requests, or 8 MB of
        them, are in memory at a time.

        Args:
            requests: submissions, or mappings of what a JSONL line holds (see ``submission``). A None among them is
                no request; it says that the next may be long in coming: those before it are submitted at once.
            batch_id: what to call them together; one is made unless given.

        Raises:
            InvalidRequest: an item is no request; those of earlier bulks have been submitted.
            BrokerUnreachable: see ``submit``.
            BrokerError: the broker refused; those that it has not taken are marked as failed.
        """
        batch = batch_id or names.new_batch_id()
        submissions = (item if item is None or isinstance(item, Submission) else of_mapping(item) for item in requests)
        for bulk in bulks(submissions):
            yield from self._submit(bulk, batch)

    def submit_each(self, submissions: Sequence[Submission]) -> list[SubmittedJob | PubsubctlError]:
        """Submit requests that have nothing to do with each other, in one go.

        Returns:
            In order: the job of each, or the error that ``submit`` would have raised for it alone.

        Raises:
            BrokerUnreachable: there is no broker; nothing was submitted.
            StoreUnreachable: the store is away.
        """
        answers = self._sender.send(submissions, None, whole=False)
        return [answer if isinstance(answer, PubsubctlError) else self._job_of(answer) for answer in answers]

    def job(self, job_id: str) -> SubmittedJob:
        """A job submitted earlier, by its id; it is not looked for before it is asked."""
        return SubmittedJob(self, names.check_job_id(job_id))

    def get(self, job_id: str) -> Job:
        """A job as the store knows it now.

        Raises:
            JobNotFound: there is none of that id.
        """
        found = self.store.get([job_id])[0]
        if found is None:
            raise JobNotFound(
                f"no job {job_id!r} in {self.settings.store_name}; `pubsubctl status` lists the latest ones"
            )
        return found

    def result(self, job_id: str) -> Response:
        """What the application answered, its body in memory; ``open_result`` is for large ones.

        Raises:
            JobNotFound: there is no such job.
            ResultNotReady: the job has not ended.
            NoResult: it ended without a response.
            InvalidSetting: its body is in a payload place, and none is set here.
            PayloadError: its body is not there any more, or is damaged.
            PayloadsUnreachable: the payload place is away.
        """
        return self.bodies.whole(job_id, self._response(job_id))

    @contextmanager
    def open_result(self, job_id: str) -> Iterator[tuple[Response, BinaryIO]]:
        """What the application answered, and its body as a file: checked already, and not in memory if it is large.

        ::

            with client.open_result(job.id) as (response, body):
                shutil.copyfileobj(body, file)

        Raises:
            JobNotFound, ResultNotReady, NoResult, InvalidSetting, PayloadError, PayloadsUnreachable: see ``result``.
        """
        response = self._response(job_id)
        with self.bodies.opened(job_id, response) as body:
            yield response, body

    def _response(self, job_id: str) -> Response:
        """What the store has of a response."""
        job = self.get(job_id)
        response = self.store.response(job_id)
        if response is None:
            how = f"{job.state}" + (f": {job.error}" if job.error else "")
            if not job.finished:
                raise ResultNotReady(f"job {job_id} has no result yet ({how}); wait for it, or ask again later")
            raise NoResult(f"job {job_id} ended without a response ({how})")
        return response

    def retry(self, job_id: str) -> bool:
        """Queue a failed or cancelled job again, under its id and with its history; a worker publishes it.

        It is allowed as many failures more as it was allowed at first. The response that it has is dropped.

        Returns:
            False where there is nothing to retry: it has succeeded, or has not ended.

        Raises:
            JobNotFound: there is no such job.
        """
        found = self.store.retry([job_id])[0]
        if found.state is None:
            self.get(job_id)
        return found.state in {JobState.FAILED, JobState.CANCELLED}

    def history(self, job_id: str) -> list[Event]:
        """All that is known to have happened to a job, oldest first.

        Raises:
            JobNotFound: there is no such job.
        """
        self.get(job_id)
        self._notes.flush()
        return self.store.history(job_id)

    def wait(self, jobs: Iterable[SubmittedJob], timeout: float | None = None) -> Iterator[SubmittedJob]:
        """Yield jobs as they end.

        Args:
            jobs: what to wait for; it is read as a whole.
            timeout: the longest to wait for all of them, in seconds; None waits for ever.

        Raises:
            WaitTimeout: some have not ended by then; they go on.
            JobNotFound: one was purged.
            StoreUnreachable: the store has been away for a minute.
        """
        for ended in self._waves(jobs, timeout):
            yield from ended

    def results(
        self, jobs: Iterable[SubmittedJob], timeout: float | None = None
    ) -> Iterator[tuple[SubmittedJob, Response | None]]:
        """Yield jobs as they end, each with what the application answered, be it a success or a failure.

        Many results are read at once, so this costs less than asking each job for its own.

        Args:
            jobs: what to wait for; it is read as a whole.
            timeout: the longest to wait for all of them, in seconds; None waits for ever.

        Yields:
            A job, and its response: None where it ended without one, cancelled or given up.

        Raises:
            WaitTimeout: some have not ended by then; they go on.
            JobNotFound: one was purged.
            PayloadError: a body that is kept apart is not there, or damaged; once all others were told.
            PayloadsUnreachable: the payload place is away.
        """
        missing: list[PayloadError] = []
        for ended in self._waves(jobs, timeout):
            for part in _portions(ended):
                responses = ride_out(partial(self.store.responses, [job.id for job in part]), None, len(part))
                for job in part:  # one large body at a time
                    response = responses.get(job.id)
                    try:
                        whole = self.bodies.whole(job.id, response) if response is not None else None
                    except PayloadError as error:
                        missing.append(error)
                    else:
                        yield job, whole
        if missing:
            more = f", and those of {len(missing) - 1:,} more" if missing[1:] else ""
            raise type(missing[0])(f"{missing[0]}{more}") from missing[0]

    def _waves(self, jobs: Iterable[SubmittedJob], timeout: float | None) -> Iterator[list[SubmittedJob]]:
        """Jobs as they end, those together that were seen to have ended together."""
        pending = {job.id: job for job in jobs}
        deadline = None if timeout is None else time.monotonic() + timeout
        turn, missed_at = 0, -math.inf
        with self.store.watch(list(pending)) as watch:
            while pending:
                looked_at, began = watch.narrowed(in_turn(pending, turn)), time.monotonic()
                turn += 1
                found = ride_out(partial(self.store.ended, looked_at), deadline, len(pending)) if looked_at else []
                took_s = time.monotonic() - began
                ended = [pending.pop(job.id).became(job) for job in found]
                yield ended
                if not ended and time.monotonic() - missed_at > LOOK_S:
                    ride_out(partial(self._miss_none, looked_at), deadline, len(pending))
                    missed_at = time.monotonic()
                if pending:
                    time.sleep(rest_s(took_s, len(looked_at), len(ended)))
                    if not ended:
                        watch.wait(time_left(deadline, len(pending), watch.trusted_s))

    def close(self) -> None:
        """Give back every connection; closing it twice does no harm."""
        with self._connecting:
            if self._connection is not None:
                self._connection.close()
        self._notes.close()
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def connection(self) -> Connection:
        """The broker.

        Raises:
            BrokerUnreachable: no emulator runs here.
        """
        with self._connecting:
            if self._connection is None:
                connection = Connection(self.settings)
                connection.check()
                self._connection = connection
            return self._connection

    def _submit(self, submissions: Sequence[Submission], batch_id: str | None) -> list[SubmittedJob]:
        return [self._job_of(answer) for answer in self._sender.send(submissions, batch_id, whole=True)]

    def _job_of(self, answer: Added | PubsubctlError) -> SubmittedJob:
        if isinstance(answer, PubsubctlError):
            raise answer
        return SubmittedJob(self, answer.job_id, existed=answer.existed)

    def _miss_none(self, job_ids: Sequence[str]) -> None:
        for job_id, job in zip(job_ids, self.store.get(job_ids), strict=True):
            if job is None:
                raise JobNotFound(f"job {job_id} is no longer in the store")


def _portions(ended: Iterable[SubmittedJob]) -> Iterator[list[SubmittedJob]]:
    """Jobs that have ended, so many at a time as have results of no more than ``BYTES_AT_ONCE``, but one at least."""
    part: list[SubmittedJob] = []
    size = 0
    for job in ended:
        more = job.refresh().result_bytes or 0
        if part and size + more > BYTES_AT_ONCE:
            yield part
            part, size = [], 0
        part.append(job)
        size += more
    if part:
        yield part
