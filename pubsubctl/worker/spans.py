"""What tracing learns of attempts; with tracing off, nothing, at the cost of a comparison."""

from collections.abc import Callable

from pubsubctl.exchange import Request
from pubsubctl.job import JobState
from pubsubctl.store.claims import Claimed, Outcome
from pubsubctl.tracing.attempts import Attempts, Ended
from pubsubctl.worker.delivery import Delivery
from pubsubctl.worker.task import Task


class Spans:
    """Has a span for every attempt that a worker has in hand. Any thread may call it.

    Args:
        attempts: what makes them; None: there are none.
    """

    def __init__(self, attempts: Attempts | None = None) -> None:
        self._attempts = attempts

    def begin(self, delivery: Delivery, claimed: Claimed) -> Request:
        """A claim was granted; gives the request that the application is to have."""
        assert delivery.envelope is not None
        request = delivery.envelope.request
        if self._attempts is None:
            return request
        return self._attempts.begin(
            request,
            job_id=claimed.job_id,
            attempt=claimed.attempt,
            message_id=delivery.message.message_id,
            attributes=delivery.message.attributes,
            ordering_key=delivery.message.ordering_key,
            delivery_attempt=delivery.message.delivery_attempt or None,
        )

    def until_recorded(self, outcome: Outcome, then: Callable[[bool], None]) -> Callable[[bool], None]:
        """What the recorder is to call in place of ``then``: the span ends with the record, or with its refusal."""
        attempts = self._attempts
        if attempts is None:
            return then

        def told(accepted: bool) -> None:
            ended = _ended(outcome) if accepted else Ended("late", "another attempt took over", "late")
            attempts.end(outcome.job_id, outcome.attempt, ended)
            then(accepted)

        return told

    def give_up(self, task: Task, outcome: str, error: str | None = None) -> None:
        """An attempt ends without a record: it was given back, or is ours no more.

        Args:
            task: the attempt.
            outcome: one word for it: ``released``, ``lost``.
            error: one line for people where something went wrong.
        """
        if self._attempts is not None:
            ended = Ended(outcome, error, None if error is None else outcome)
            self._attempts.end(task.job_id, task.claimed.attempt, ended)


def _ended(outcome: Outcome) -> Ended:
    failed = outcome.state is not JobState.SUCCEEDED
    return Ended(
        outcome=str(outcome.state),
        error=outcome.error if failed else None,
        error_type=str(outcome.reason or outcome.state) if failed else None,
        http_status=outcome.response.status if outcome.response else None,
        retry_in_s=outcome.retry_in_s if outcome.state is JobState.RETRYING else None,
    )
