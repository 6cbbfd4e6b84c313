"""The rampage of ``scripts/chaos`` in its short form, and that its books notice what they are for."""

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
sys.path.append(str(SCRIPTS))

from bookkeeping.books import Books  # noqa: E402
from bookkeeping.errands import Errand  # noqa: E402
from bookkeeping.stories import Run, Story  # noqa: E402

from pubsubctl.exchange import Response  # noqa: E402
from pubsubctl.job import Job, JobState, Reason  # noqa: E402
from pubsubctl.store.timeline import Event, EventKind  # noqa: E402


@pytest.mark.timeout(300)
def test_whatever_is_broken_each_job_has_its_one_result(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "wrecking", "--jobs", "200", "--minutes", "0.5", "--every", "2", "--seed", "80"]
    done = subprocess.run(
        [*command, "--data", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every job has its one result" in done.stdout
    assert done.stderr.count(" for ") >= 5, "things were broken"


DONE = Job("j1", JobState.SUCCEEDED, "POST", "/work/0.0", 0.0, attempt=2, failures=1)
DEAD = Job("j2", JobState.FAILED, "POST", "/hopeless", 0.0, reason=Reason.EXHAUSTED, attempt=2, failures=2)
LATER = Job("j3", JobState.SUCCEEDED, "POST", "/later/5", 0.0, attempt=2, failures=1)
UNWANTED = Job("j4", JobState.CANCELLED, "POST", "/work/60.0", 0.0)


def response(job: Job, body: bytes = b"body", attempt: int = 2) -> Response:
    return Response(200, (("X-Job", job.id), ("X-Attempt", str(attempt))), body)


def story(job: Job, *times: float) -> Story:
    """A job whose attempts began and ended at these times; each but the last was answered with a failure."""
    kinds = [(kind, 1 + n) for n in range(len(times) // 2) for kind in (EventKind.BEGAN, EventKind.ENDED)]
    texts = {EventKind.ENDED: "failed (status): the app answered 503; again in 5.0 s"}
    return Story(job.id, [Event(at, kind, n, text=texts.get(kind)) for at, (kind, n) in zip(times, kinds, strict=True)])


BALANCED = Books(
    errands=[
        Errand("a", "/work/0.0", b"body", ordering_key="k"),
        Errand("b", "/hopeless", b"body", JobState.FAILED, Reason.EXHAUSTED, max_attempts=2, ordering_key="k"),
        Errand("c", "/later/5", b"body", delay_s=3.0, pause_s=5.0),
        Errand("d", "/work/60.0", b"body", JobState.CANCELLED),
    ],
    jobs={"a": DONE, "b": DEAD, "c": LATER, "d": UNWANTED},
    responses={job.id: response(job) for job in (DONE, DEAD, LATER)},
    stories={
        "j1": story(DONE, 1.0, 2.0, 3.0, 4.0),
        "j2": story(DEAD, 5.0, 6.0, 7.0, 8.0),
        "j3": story(LATER, 3.0, 4.0, 9.0, 10.0),
        "j4": story(UNWANTED),
    },
    stored=dict.fromkeys(JobState, 0) | {JobState.SUCCEEDED: 2, JobState.FAILED: 1, JobState.CANCELLED: 1},
    runs=[
        *(Run("j1", 1, 1.5), Run("j1", 2, 3.5), Run("j3", 1, 3.6)),
        *(Run("j2", 1, 5.5), Run("j2", 2, 7.5), Run("j3", 2, 9.5)),
    ],
    mirrored=Counter(j2=2),
    runs_afterwards=0,
)


def books(**change: object) -> Books:
    """The balanced ones, but for what is named; where that is a mapping, but for what it has."""
    merged = {
        name: {**getattr(BALANCED, name), **value} if isinstance(value, dict) and value else value
        for name, value in change.items()
    }
    return replace(BALANCED, **merged)


def test_books_that_balance_have_no_fault() -> None:
    assert BALANCED.audit() == []
    assert BALANCED.overtaken == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"jobs": {"a": None}}, "is not in the store"),
        ({"jobs": {"c": DONE}}, "two errands have the same job"),
        ({"jobs": {"a": replace(DONE, state=JobState.RUNNING)}}, "should be succeeded, and is running"),
        ({"jobs": {"b": replace(DEAD, reason=Reason.CRASHED)}}, "should be failed, and is failed (crashed"),
        ({"jobs": {"b": replace(DEAD, failures=1)}}, "has failed 1 times, and was allowed 2"),
        ({"jobs": {"a": replace(DONE, failures=6)}}, "has failed 6 times, and was allowed 5"),
        ({"jobs": {"a": replace(DONE, attempt=3)}}, "has the attempts [1, 2] in its history"),
        ({"responses": {}}, "a response that is not its own"),
        ({"responses": {"j1": response(DONE, b"other")}}, "a response that is not its own"),
        ({"responses": {"j1": response(LATER)}}, "has the response of attempt 2"),
        ({"responses": {"j1": response(DONE, attempt=1)}}, "has the response of attempt 1"),
        ({"responses": {"j2": response(DEAD, attempt=1)}}, "has the response of attempt 1"),
        ({"responses": {"j4": response(UNWANTED)}}, "has a response, and should have none"),
        ({"runs": BALANCED.runs[2:]}, "has the response of an attempt that never ran"),
        ({"runs": [*BALANCED.runs, Run("j1", 2, 3.6)]}, "attempt 2 of job j1 was run twice"),
        ({"runs": [*BALANCED.runs, Run("j1", 3, 4.5)]}, "attempt 3 of job j1 was run, and nobody granted it"),
        ({"runs": [*BALANCED.runs, Run("j9", 1, 1.0)]}, "nobody submitted it"),
        ({"runs": [*BALANCED.runs[1:], Run("j1", 1, 5.7)]}, "attempt 1 of job j1 was run when it had ended"),
        ({"runs_afterwards": 1}, "1 runs when everything had ended"),
        ({"stories": {"j3": story(LATER, 2.0, 4.0, 9.0, 10.0)}}, "began 2.00 s after its submit, and not 3.00 s"),
        ({"stories": {"j3": story(LATER, 3.0, 4.0, 8.0, 10.0)}}, "was asked again sooner than after 5 s"),
        ({"stories": {"j2": story(DEAD, 3.9, 6.0, 7.0, 8.0)}}, "job j2 of k began before job j1 had ended"),
        ({"stories": {"j2": story(DEAD, 2.2, 2.8, 7.0, 8.0)}}, "job j2 of k began before job j1 had ended"),
        ({"runs": [Run("j1", 1, 1.5), Run("j2", 1, 1.6), Run("j1", 2, 3.5)]}, "of job j1 of k are mixed"),
        ({"stored": dict.fromkeys(JobState, 0)}, "the store counts"),
        ({"mirrored": Counter()}, "was never mirrored"),
        ({"mirrored": Counter(j1=1)}, "is none"),
        ({"faults": ["worker 1 ended with exit code 1"]}, "exit code 1"),
    ],
)
def test_every_fault_is_found(change: dict[str, object], fault: str) -> None:
    assert fault in "\n".join(books(**change).audit())


def test_a_run_that_begins_when_its_attempt_is_over_is_told_and_breaks_no_order() -> None:
    late = Run("j1", 1, 5.7)
    lost = [Event(2.0, EventKind.LOST, 1), *(event for event in BALANCED.stories["j1"].events if event.at != 2.0)]
    found = books(runs=[*BALANCED.runs[1:], late], stories={"j1": Story("j1", sorted(lost, key=lambda each: each.at))})
    assert found.audit() == []
    assert found.overtaken == [late]


def test_a_job_that_is_asked_for_again_may_run_after_others_of_its_key() -> None:
    again = Story(
        "j1",
        [
            *(
                Event(1.0, EventKind.BEGAN, 1),
                Event(2.0, EventKind.ENDED, 1, text="failed"),
                Event(3.0, EventKind.RETRIED),
            ),
            *(Event(9.0, EventKind.BEGAN, 2), Event(10.0, EventKind.ENDED, 2, text="succeeded")),
        ],
    )
    runs = [Run("j1", 1, 1.5), *BALANCED.runs[2:], Run("j1", 2, 9.5)]
    assert books(stories={"j1": again}, runs=runs).audit() == []
    assert books(runs=runs).audit() != []
