"""Sends jobs: a row each, a message each, and what became of them told apart."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from pubsubctl import names, wire
from pubsubctl.broker.connection import Connection
from pubsubctl.broker.publish import Outgoing, Publisher, Rejected, Taken
from pubsubctl.claimcheck import ClaimCheck, Uploads
from pubsubctl.errors import BrokerError, BrokerUnreachable, KeyReused, PubsubctlError
from pubsubctl.exchange import Request
from pubsubctl.faults import point
from pubsubctl.job import NewJob, difference
from pubsubctl.notes import Notes
from pubsubctl.store.answers import Added
from pubsubctl.store.base import Store
from pubsubctl.store.messages import Published, Unpublished
from pubsubctl.submission import Submission
from pubsubctl.tracing.sending import annotate, sending, sent


class Sender:
    """Sends jobs of a topic. Any thread may use it.

    Args:
        store: where they live.
        topic: its full name.
        bodies: keeps large ones apart.
        notes: takes the ids of messages to the store.
        connection: gives the broker; it may raise ``BrokerUnreachable``.
    """

    def __init__(
        self, store: Store, topic: str, bodies: ClaimCheck, notes: Notes, connection: Callable[[], Connection]
    ) -> None:
        self._store = store
        self._topic = topic
        self._bodies = bodies
        self._notes = notes
        self._connection = connection
        self._publisher: Publisher | None = None

    def send(
        self, submissions: Sequence[Submission], batch_id: str | None, *, whole: bool
    ) -> list[Added | PubsubctlError]:
        """Send them in one go.

        Args:
            submissions: what is submitted.
            batch_id: what they are called together.
            whole: nothing is submitted where one of them cannot be, and what is wrong with any of them is raised.

        Returns:
            The job of each, or what became of it instead, in order.

        Raises:
            BrokerUnreachable: there is no broker; nothing was submitted.
            StoreUnreachable: the store is away.
        """
        asked, keys = [each.request for each in submissions], {each.ordering_key for each in submissions}
        with sending(self._topic, asked, keys.pop() if len(keys) == 1 else "") as requests:
            answers = self._send(submissions, requests, batch_id, whole=whole)
            if whole:  # here, for the span to tell
                _raise_first(answers)
            return answers

    def _send(
        self, submissions: Sequence[Submission], requests: Sequence[Request], batch_id: str | None, *, whole: bool
    ) -> list[Added | PubsubctlError]:
        connection = self._connection()
        errors: dict[int, PubsubctlError] = {}
        made: dict[int, tuple[NewJob, Outgoing]] = {}
        with Uploads(self._bodies) as uploads:
            for number, (submission, request) in enumerate(zip(submissions, requests, strict=True)):
                try:
                    made[number] = self._made(submission, request, batch_id, uploads)
                except PubsubctlError as error:
                    if whole:
                        raise
                    errors[number] = error
            with self._notes.together():
                uploads.keep()
                added = dict(zip(made, self._store.add([job for job, _ in made.values()]), strict=True)) if made else {}
        point("inserted")
        failed = self._publish(connection, self._fresh(made, added))
        answers: list[Added | PubsubctlError] = []
        for number in range(len(submissions)):
            if (refused := errors.get(number)) is None:
                job, answer = made[number][0], added[number]
                refused = self._clash(job, answer) or failed.get(answer.job_id)
            answers.append(refused or added[number])
        return answers

    def _made(
        self, submission: Submission, request: Request, batch_id: str | None, uploads: Uploads
    ) -> tuple[NewJob, Outgoing]:
        job = _new_job(submission, request, self._topic, batch_id, uploads)
        try:
            return job, _message(job, self._store.store_id)
        except PubsubctlError:
            uploads.drop(job.request)
            raise

    def _fresh(
        self, made: Mapping[int, tuple[NewJob, Outgoing]], added: Mapping[int, Added]
    ) -> list[tuple[Added, Outgoing]]:
        """What is to be published, and has a row by now."""
        fresh: list[tuple[Added, Outgoing]] = []
        for number, (job, message) in made.items():
            answer = added[number]
            again = answer.job_id != job.id  # a job of an earlier submit, which no message ever carried
            known = self._instead(job, answer.job_id) if again else job
            if answer.existed or job.delay_s:  # what is delayed is published by the sweeper
                continue
            fresh.append((answer, _message(known, self._store.store_id) if again else message))
        fresh.sort(key=lambda each: each[1].ordering_key)  # a call has one key, and the order matters within it only
        return fresh

    def _publisher_of(self, connection: Connection) -> Publisher:
        if self._publisher is None:
            self._publisher = Publisher(connection, self._topic)
        return self._publisher

    def _publish(self, connection: Connection, fresh: Sequence[tuple[Added, Outgoing]]) -> dict[str, PubsubctlError]:
        """Publish call by call, so that what was taken, what was not and what is in doubt are told apart.

        Returns:
            What became of those that were not taken, by their jobs.
        """
        left = [job for job, _ in fresh]
        failed: dict[str, PubsubctlError] = {}
        try:
            for answers in self._publisher_of(connection).publish_each([message for _, message in fresh]):
                message_ids = [answer.message_id for answer in answers if isinstance(answer, Taken)]
                sent(connection.place, message_ids[0] if message_ids and len(fresh) == 1 else None)
                point("published")
                asked, left = left[: len(answers)], left[len(answers) :]
                failed |= self._note(asked, answers)
        except BrokerError as error:
            self._notes.flush()
            self._store.unpublished(Unpublished(job.job_id, str(error), job.attempt) for job in left)
            failed |= {job.job_id: error for job in left}
        except BrokerUnreachable as error:
            self._notes.flush()
            failed |= {job.job_id: _kept(error, job, len(left)) for job in left}
        if failed:
            self._notes.flush()
        return failed

    def _note(self, asked: Sequence[Added], answers: Sequence[Taken | Rejected]) -> dict[str, PubsubctlError]:
        """Note what the broker has and what it refused; why it refused those."""
        pairs = list(zip(asked, answers, strict=True))
        self._notes.put(
            Published(job.job_id, answer.message_id, job.attempt) for job, answer in pairs if isinstance(answer, Taken)
        )
        rejected = [(job, answer.error) for job, answer in pairs if isinstance(answer, Rejected)]
        if rejected:
            self._store.unpublished(Unpublished(job.job_id, str(error), job.attempt) for job, error in rejected)
        return {job.job_id: error for job, error in rejected}

    def _instead(self, job: NewJob, job_id: str) -> NewJob:
        """The job that has its idempotency key already; that one has a body of its own, if it is kept apart."""
        if job.request.payload is None:
            return replace(job, id=job_id)
        self._bodies.drop(job.request)
        return replace(job, id=job_id, request=self._store.request(job_id) or job.request)

    def _clash(self, job: NewJob, added: Added) -> KeyReused | None:
        """The refusal of a key that is known with another request."""
        if not added.existed or added.same_request:
            return None
        known = self._store.request(added.job_id)
        differs = difference(known, job.request) if known else None  # it may be purged by now
        if not differs:
            return None
        return KeyReused(
            f"the idempotency key {job.idempotency_key!r} belongs to job {added.job_id}, "
            f"which has another request: the {differs} is not the same"
        )


def _raise_first(answers: Sequence[Added | PubsubctlError]) -> None:
    """Raise what became of jobs that were not taken; that a key is another job's is less."""
    errors = [answer for answer in answers if isinstance(answer, PubsubctlError)]
    if not errors:
        return
    first = next((error for error in errors if not isinstance(error, KeyReused)), errors[0])
    if isinstance(first, BrokerUnreachable):
        kept = (job_id for error in errors if isinstance(error, BrokerUnreachable) for job_id in error.in_store)
        first.in_store = tuple(dict.fromkeys(kept))
    raise first


def _new_job(submission: Submission, request: Request, topic: str, batch_id: str | None, uploads: Uploads) -> NewJob:
    job_id = names.new_job_id()
    return NewJob(
        id=job_id,
        request=uploads.request_of(request, submission.content, job_id),
        topic=topic,
        batch_id=batch_id,
        delay_s=submission.delay_s,
        max_attempts=submission.max_attempts,
        timeout_s=submission.timeout_s,
        idempotency_key=submission.idempotency_key,
        ordering_key=submission.ordering_key,
    )


def _kept(error: BrokerUnreachable, job: Added, count: int) -> BrokerUnreachable:
    """What is told of a job whose message has had no answer."""
    one = count == 1
    kept = BrokerUnreachable(
        f"{error}; {'the job is' if one else f'{count} jobs are'} in the store, "
        f"and a worker publishes {'it' if one else 'them'} once the broker is back",
        in_store=(job.job_id,),
    )
    kept.__cause__ = error
    return kept


def _message(job: NewJob, store_id: str) -> Outgoing:
    data, attributes = wire.encode(wire.Envelope(job.id, job.request, job.batch_id, store_id))
    annotate(attributes, job.request)
    return Outgoing(data, attributes, job.ordering_key)
