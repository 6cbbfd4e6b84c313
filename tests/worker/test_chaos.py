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

from wrecking.books import Books  # noqa: E402
from wrecking.errands import Errand  # noqa: E402

from pubsubctl.exchange import Response  # noqa: E402
from pubsubctl.job import Job, JobState, Reason  # noqa: E402


@pytest.mark.timeout(300)
def test_whatever_is_broken_each_job_has_its_one_result(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "wrecking", "--jobs", "200", "--minutes", "0.5", "--every", "2", "--seed", "7"]
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


DONE = Job("j1", JobState.SUCCEEDED, "POST", "/work/0.0", 0.0, attempt=2)
DEAD = Job("j2", JobState.FAILED, "POST", "/hopeless", 0.0, reason=Reason.EXHAUSTED, attempt=2)
BALANCED = Books(
    errands=[
        Errand("a", "/work/0.0", b"body"),
        Errand("b", "/hopeless", b"", JobState.FAILED, Reason.EXHAUSTED),
    ],
    jobs={"a": DONE, "b": DEAD},
    responses={"j1": Response(200, (("X-Job", "j1"), ("X-Attempt", "2")), b"body")},
    stored=dict.fromkeys(JobState, 0) | {JobState.SUCCEEDED: 1, JobState.FAILED: 1},
    runs=[("j1", 1), ("j1", 2), ("j2", 1), ("j2", 2)],
    mirrored=Counter(j2=2),
    runs_afterwards=0,
)


def test_books_that_balance_have_no_fault() -> None:
    assert BALANCED.audit() == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"jobs": {"b": DEAD}}, "is not in the store"),
        ({"jobs": {"a": replace(DONE, state=JobState.RUNNING), "b": DEAD}}, "should be succeeded, and is running"),
        ({"jobs": {"a": DONE, "b": replace(DEAD, reason=Reason.CRASHED)}}, "should be failed, and is failed (crashed"),
        ({"responses": {}}, "a response that is not its own"),
        ({"responses": {"j1": Response(200, (("X-Job", "j1"), ("X-Attempt", "2")), b"other")}}, "is not its own"),
        ({"responses": {"j1": Response(200, (("X-Job", "j1"), ("X-Attempt", "1")), b"body")}}, "of attempt 1"),
        ({"runs": [("j1", 2), ("j1", 2)]}, "attempt 2 of job j1 was run twice"),
        ({"runs": [("j9", 1)]}, "nobody submitted it"),
        ({"runs_afterwards": 1}, "1 runs when everything had ended"),
        ({"stored": dict.fromkeys(JobState, 0)}, "the store counts"),
        ({"mirrored": {}}, "was never mirrored"),
        ({"mirrored": Counter(j1=1, j2=1)}, "is none"),
        ({"faults": ["worker 1 ended with exit code 1"]}, "exit code 1"),
    ],
)
def test_every_fault_is_found(change: dict[str, object], fault: str) -> None:
    assert fault in "\n".join(replace(BALANCED, **change).audit())
