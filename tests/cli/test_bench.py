"""The benchmark: what it reports, and that it reports nothing of a run that lost jobs. No figure is judged here."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from pubsubctl.bench import measure
from pubsubctl.errors import ApplicationError, StoreError
from pubsubctl.exchange import Request
from pubsubctl.sandbox import Sandbox
from pubsubctl.submission import Submission


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox("pubsubctl.bench.noop:app", flags=["-p", "1"]) as sandbox:
        yield sandbox


def test_the_report_has_stable_names():
    done = subprocess.run(
        [sys.executable, "-m", "pubsubctl", "bench", "--jobs", "50", "--singles", "3", "--format", "json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert set(report) == {"slots", "prefetch", "throughput", "latency", "bare_wsgi_calls_per_second"}
    assert (report["throughput"]["jobs"], report["latency"]["jobs"]) == (50, 3)
    assert report["throughput"]["jobs_per_second"] > 0
    assert 0 < report["latency"]["p50_ms"] <= report["latency"]["p99_ms"]


def test_a_run_with_failed_jobs_counts_for_nothing(sandbox):
    with pytest.raises(StoreError, match="5 of 5 jobs did not succeed"):
        measure.throughput(sandbox, Submission(Request.of("GET", "/missing")), jobs=5)


def test_a_worker_that_has_ended_is_told_and_not_waited_for():
    with Sandbox("pubsubctl.bench.noop:app", flags=["-p", "1"]) as sandbox:
        sandbox.worker.kill()
        sandbox.worker.wait()
        with pytest.raises(ApplicationError, match="the worker has ended"):
            measure.throughput(sandbox, Submission(Request.of("GET", "/")), jobs=5)


def test_an_app_that_cannot_be_loaded_is_told_in_its_own_words():
    with pytest.raises(ApplicationError, match="no module 'nowhere'"), Sandbox("nowhere:app"):
        pass
