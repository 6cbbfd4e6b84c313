"""Celery, whose messages kombu sends over Pub/Sub: tasks, retries, queues, remote control, a worker's death."""

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import NoReturn

import pytest
from celery_worker import CeleryWorker
from waiting import eventually

RESULT_S = 30
READY_S = 40

# In one process of tests, as each starts a worker of its own.
pytestmark = pytest.mark.xdist_group("celery")


@pytest.fixture(scope="module")
def tasks(
    emulator: str, tmp_path_factory: pytest.TempPathFactory, lack: Callable[[str, str], NoReturn]
) -> Iterator[ModuleType]:
    """The application, in this process and in those of its workers."""
    try:
        import celery  # noqa: F401
        import kombu.transport.gcpubsub  # noqa: F401
    except ImportError as error:
        lack("celery", f"Celery's transport for Pub/Sub cannot be imported: {error}")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PUBSUB_EMULATOR_HOST", emulator)
        environment.setenv("CELERY_PROJECT", f"p-{uuid.uuid4().hex[:12]}")
        environment.setenv("CELERY_RESULTS", str(tmp_path_factory.mktemp("celery")))
        import celery_tasks

        yield celery_tasks
        celery_tasks.app.close()


@pytest.fixture(scope="module")
def worker(tasks: ModuleType) -> Iterator[CeleryWorker]:
    """A worker for all queues but the risky one."""
    with CeleryWorker.running("steady", "celery,letters,parcels", tasks.RESULTS / "steady.log") as made:
        eventually(made.is_ready, "the worker to be ready", within_s=READY_S)
        yield made
        assert "Traceback" not in made.log


def runs(tasks: ModuleType) -> Counter[str]:
    """How often each word was noted."""
    return Counter(tasks.RUNS.read_text().split()) if tasks.RUNS.exists() else Counter()


def test_tasks_return_their_results(tasks: ModuleType, worker: CeleryWorker) -> None:
    results = [tasks.add.delay(n, n) for n in range(20)]
    assert [result.get(timeout=RESULT_S, interval=0.05) for result in results] == [2 * n for n in range(20)]


def test_a_task_is_tried_again(tasks: ModuleType, worker: CeleryWorker) -> None:
    assert tasks.succeed_at_last.delay(2).get(timeout=RESULT_S, interval=0.05) == 2


def test_queues_of_one_exchange_get_each_their_own(tasks: ModuleType, worker: CeleryWorker) -> None:
    sent = {f"{queue}-{n}": queue for n in range(5) for queue in ("letters", "parcels")}
    results = {word: tasks.note.apply_async([word], queue=queue) for word, queue in sent.items()}
    assert {word: result.get(timeout=RESULT_S, interval=0.05) for word, result in results.items()} == sent
    assert {runs(tasks)[word] for word in sent} == {1}


def test_workers_are_asked_all_at_once(tasks: ModuleType, worker: CeleryWorker) -> None:
    with CeleryWorker.running("second", "idle", tasks.RESULTS / "second.log") as second:
        eventually(second.is_ready, "the second worker to be ready", within_s=READY_S)
        replies = tasks.app.control.broadcast("ping", reply=True, timeout=RESULT_S, limit=2)
    assert sorted(name for reply in replies for name in reply) == ["second@test", "steady@test"]


def test_the_task_of_a_killed_worker_is_done_by_the_next(tasks: ModuleType) -> None:
    with CeleryWorker.running("doomed", "risky", tasks.RESULTS / "doomed.log") as doomed:
        result = tasks.linger.apply_async(["task", 2], queue="risky")
        eventually(lambda: runs(tasks)["task"], "the task to begin", within_s=READY_S)
        doomed.kill()
    with CeleryWorker.running("heir", "risky", tasks.RESULTS / "heir.log"):
        assert result.get(timeout=READY_S, interval=0.05) == "task"
    assert runs(tasks)["task"] == 2
