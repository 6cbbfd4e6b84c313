"""A Celery application whose broker is Pub/Sub: two queues of one exchange, and one queue of its own.

It is configured as the library's users do it, by nothing but settings; ``CELERY_PROJECT`` and ``CELERY_RESULTS`` say
where. Tasks that are to leave a trace write a line to ``runs`` in the folder of the results.
"""

import os
import time
from pathlib import Path

from celery import Celery, Task
from kombu import Exchange, Queue

RESULTS = Path(os.environ["CELERY_RESULTS"])
RUNS = RESULTS / "runs"

app = Celery(
    "celery_tasks",
    broker_url=f"gcpubsub://projects/{os.environ['CELERY_PROJECT']}",
    result_backend=RESULTS.as_uri(),
)
mail = Exchange("mail", type="direct")
app.conf.update(
    broker_connection_retry_on_startup=True,
    broker_transport_options={"ack_deadline_seconds": 10},
    task_acks_late=True,
    task_queues=[
        Queue("celery"),
        Queue("letters", mail, routing_key="letters"),
        Queue("parcels", mail, routing_key="parcels"),
        Queue("risky", Exchange("risky"), routing_key="risky"),
    ],
    worker_prefetch_multiplier=1,
)


@app.task
def add(a: int, b: int) -> int:
    """Return the sum."""
    return a + b


@app.task(bind=True, max_retries=5, default_retry_delay=0.1)
def succeed_at_last(self: Task, failures: int) -> int:
    """Fail so many times, then return the number of retries."""
    if self.request.retries < failures:
        raise self.retry()
    return int(self.request.retries)


@app.task(bind=True)
def note(self: Task, word: str) -> str:
    """Leave a trace, and return the routing key."""
    _trace(word)
    return str(self.request.delivery_info["routing_key"])


@app.task
def linger(word: str, seconds: float) -> str:
    """Leave a trace, and take time."""
    _trace(word)
    time.sleep(seconds)
    return word


def _trace(word: str) -> None:
    with RUNS.open("a") as file:
        file.write(f"{word}\n")
