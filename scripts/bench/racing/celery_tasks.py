"""The Celery application, for the worker and for the client."""

from celery import Celery

from racing.noop import answer
from racing.tasks import url

app = Celery("racing.celery_tasks", broker=url(), backend=url(), set_as_current=False)
app.conf.update(
    broker_connection_retry_on_startup=True,
    task_serializer="json",
    result_serializer="json",
    worker_prefetch_multiplier=128,
    worker_disable_rate_limits=True,
)


@app.task(name="racing.noop")
def noop(number: int) -> str:
    """Answer at once."""
    return answer(number)
