"""``bench``: what it reports, that it reports nothing of a run that lost jobs, and that it leaves nothing behind.

No figure is judged here. Its temporary files are in a folder of the test's, and that folder is in the environment of
all its processes: so nothing that is left goes unseen.
"""

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cli_project import CliProject, only_line, wait_for
from terminal import Terminal

from pubsubctl.bench import watched
from pubsubctl.bench.budget import Asked, Budget
from pubsubctl.bench.measure import Measurement
from pubsubctl.bench.runs import Runs
from pubsubctl.errors import PubsubctlError
from pubsubctl.exchange import Request
from pubsubctl.sandbox import Sandbox
from pubsubctl.submission import Submission

APP = """
import os
import time

from flask import Flask, request

print("printed as it is imported")
app = Flask(__name__)


@app.post("/echo")
def echo():
    return request.get_data()


@app.get("/sleep/<float:seconds>")
def sleep(seconds):
    print("printed", flush=True)
    time.sleep(seconds)
    return "slept"


@app.get("/fails-as-job/<int:every>")
def fails_as_job(every):
    if in_a_job() and int(request.environ["pubsubctl.job_id"][12:16], 16) % every == 0:
        raise ValueError("what this app does not take")
    return "done"


@app.get("/exits-as-job")
def exits_as_job():
    if in_a_job():
        os._exit(3)
    return "done"


@app.get("/exits")
def exits():
    print("about to leave", flush=True)
    os._exit(4)


def in_a_job():
    return request.environ["pubsubctl.job_id"] != "bench"
"""
FEW = ("--jobs", "12", "--singles", "2", "--max-time", "60s", "-p", "2")
FIELDS = {
    "": "app request broker store processes threads slots prefetch cpus throughput latency cpu_us_per_job app_alone "
    "memory verdict",
    "broker": "kind address own",
    "throughput": "jobs chosen seconds jobs_per_second submitted_per_second",
    "latency": "jobs p50_ms p90_ms p99_ms stages_ms",
    "latency.stages_ms": "row_written published delivered begun app recorded seen",
    "cpu_us_per_job": "client broker worker_parent app_processes",
    "app_alone": "calls calls_per_second first_ms p50_ms",
    "memory": "worker_parent_peak_bytes app_process_peak_bytes app_processes",
    "verdict": "limited_by slots_in_app cpus_busy worker_parent_busy sentence",
}


@dataclass
class Bench:
    """The command in a project, with a folder for its temporary files."""

    project: CliProject
    temporary: Path

    def run(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return self.project.run("bench", *arguments, environment={**self.environment, **environment})

    def start(self, *arguments: str, **environment: str) -> "subprocess.Popen[bytes]":
        with (self.project.folder / "notes").open("wb") as notes:
            return subprocess.Popen(
                self.project.command("bench", *arguments),
                cwd=self.project.folder,
                env=self.project.environment | self.environment | environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=notes,
            )

    @property
    def notes(self) -> str:
        return (self.project.folder / "notes").read_text()

    @property
    def environment(self) -> dict[str, str]:
        return {"TMPDIR": str(self.temporary)}

    def left(self) -> list[str]:
        """Files and processes; what was killed a moment ago may still be dying."""
        give_up = time.monotonic() + 5
        while (found := [*map(str, self.temporary.iterdir()), *self._processes()]) and time.monotonic() < give_up:
            time.sleep(0.05)
        return found

    def _processes(self) -> Iterator[str]:
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if str(self.temporary).encode() in (path / "environ").read_bytes():
                    yield f"{path.name}: {(path / 'cmdline').read_bytes()!r}"
            except OSError:
                continue


@pytest.fixture
def bench(folder, tmp_path) -> Iterator[Bench]:
    (folder.folder / "measured.py").write_text(APP)
    (tmp_path / "temporary").mkdir()
    bench = Bench(folder, tmp_path / "temporary")
    yield bench
    assert bench.left() == []


def resources(project: CliProject, **environment: str) -> list[str]:
    """The topics and subscriptions that there are, by name."""
    found = []
    for kind in ("topics", "subscriptions"):
        done = project.run(kind, "list", "--format", "json", environment=environment)
        assert done.returncode == 0, done.stderr
        found += [one["name"] for one in json.loads(done.stdout)]
    return sorted(found)


def test_the_report_has_stable_names_and_is_of_the_app_that_was_named(bench):
    done = bench.run("measured:app", "POST", "/echo", "-j", '{"x": 1}', "-H", "X-A: b", *FEW, "--format", "json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    for path, names in FIELDS.items():
        part = report
        for name in filter(None, path.split(".")):
            part = part[name]
        assert " ".join(part) == names
    assert (report["app"], report["request"], report["slots"]) == ("measured:app", "POST /echo", 2)
    assert report["broker"] | {"address": ""} == {"kind": "embedded", "address": "", "own": True}
    assert (report["throughput"]["jobs"], report["throughput"]["chosen"], report["latency"]["jobs"]) == (12, False, 2)
    assert 0 < report["latency"]["p50_ms"] <= report["latency"]["p99_ms"]
    assert report["memory"]["app_processes"] == 2
    assert report["app_alone"]["calls"] > 2


def test_jsonl_is_one_line_and_text_names_every_part(bench):
    line = bench.run(*FEW, "--format", "jsonl")
    assert json.loads(only_line(line.stdout))["app"] == "pubsubctl.bench.noop:app"
    text = bench.run(*FEW)
    assert text.returncode == 0, text.stderr
    for part in (
        "throughput",
        "one job",
        "in the app",
        "CPU a job",
        "app alone",
        "memory, peak",
        "Limited by pubsubctl",
    ):
        assert part in text.stdout


def test_of_a_slow_app_as_many_jobs_are_run_as_the_time_allows(bench):
    began = time.monotonic()
    done = bench.run("measured:app", "/sleep/0.3", "--max-time", "12s", "-p", "2", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began < 30, "with all that is started and ended"
    report = json.loads(done.stdout)
    assert report["throughput"]["chosen"]
    assert 2 <= report["throughput"]["jobs"] <= 40
    assert "chosen by the first few; --jobs says otherwise" in done.stderr
    assert report["verdict"]["limited_by"] == "app"
    stages = report["latency"]["stages_ms"]
    assert stages["app"] > 300
    assert sum(stages.values()) == pytest.approx(report["latency"]["p50_ms"], rel=0.2)


def test_an_app_that_is_too_slow_for_the_time_is_told_at_once(bench):
    done = bench.run("measured:app", "/sleep/1.5", "--max-time", "4s")
    assert done.returncode == 4
    assert re.search(
        r"takes 1\.\d s, so 4 s are not enough to measure it|does not answer .* twice within 4 s", done.stderr
    )
    assert "allow more with --max-time" in done.stderr


FAILURES = {
    "some requests fail": (
        ("/fails-as-job/5",),
        "failed: ",
        "500 INTERNAL SERVER ERROR (ValueError: what this app does",
    ),
    "its process exits": (("/exits-as-job",), "failed: ", "exited with status 3"),
    "it runs too long": (("/sleep/1.0", "--job-timeout", "0.5"), "failed: ", "ran longer than 0.5 s"),
    "it fails alone": (("/missing",), "GET /missing, was answered 404 Not Found", "only what succeeds is measured"),
    "it exits alone": (("/exits",), "the app ended its process when it was called alone", "about to leave"),
}


@pytest.mark.parametrize("case", FAILURES, ids=lambda case: case.replace(" ", "-"))
def test_a_run_with_failed_jobs_counts_for_nothing(bench, case):
    arguments, *says = FAILURES[case]
    done = bench.run("measured:app", *arguments, *FEW)
    assert (done.returncode, done.stdout) == (1, "")
    last = done.stderr.splitlines()[-1]
    assert last.startswith("pubsubctl: ")
    for part in says:
        assert part in last


def test_a_worker_that_is_killed_is_told_and_its_jobs_are_not_waited_for(bench):
    done = bench.run("measured:app", "/sleep/0.0", *FEW, PUBSUBCTL_FAULT="recorded:kill:2")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == "pubsubctl: the worker has ended: it was killed by SIGKILL"


def test_lost_jobs_are_named():
    with Sandbox(
        "pubsubctl.bench.watched:app",
        flags=["-p", "1"],
        environment={watched.APP: "pubsubctl.bench.noop:app"},
        stop_s=0,
    ) as sandbox:
        request, runs = Submission(Request.of("GET", "/")), Runs(sandbox.folder / watched.RUNS)
        measurement = Measurement(sandbox, request, runs, patience_s=1.0, budget=Budget(Asked(jobs=3), 1))
        assert measurement.throughput(3).jobs == 3
        os.kill(sandbox.worker.pid, signal.SIGSTOP)
        with pytest.raises(
            PubsubctlError, match=r"3 of 3 jobs lost \(3 queued\): \w+, \w+, \w+; nothing has ended for"
        ):
            measurement.throughput(3)


BAD = {
    "an app that is not there": (("nowhere:app", "/"), {}, 1, "there is no module 'nowhere'"),
    "an app that cannot be imported": (("broken:app", "/"), {}, 1, "No module named 'not_there'"),
    "a path without a slash": (("measured:app", "echo"), {}, 2, "the path 'echo' must begin with '/'"),
    "no path": (("measured:app",), {}, 2, "name a path too"),
    "two bodies": (("measured:app", "/echo", "-j", "1", "-d", "2"), {}, 2, "cannot stand together"),
    "one key for all": (("measured:app", "/echo", "-H", "Idempotency-Key: k"), {}, 2, "would make all of them one job"),
    "no time": (("--max-time", "0"), {}, 2, "--max-time must be longer than nothing"),
    "a broker that is away": ((), {"PUBSUB_EMULATOR_HOST": "127.0.0.1:1"}, 5, "no broker answers at 127.0.0.1:1"),
    "a store that cannot be": (("--store", "no/where.db"), {}, 5, "cannot make the store"),
    "nobody to ask": (("--broker", "cloud", "--project", "p"), {}, 2, "add --yes to measure without being asked"),
}


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.replace(" ", "-"))
def test_what_cannot_be_measured_is_one_line_and_leaves_nothing(bench, case):
    (bench.project.folder / "broken.py").write_text("import not_there\n")
    arguments, environment, code, says = BAD[case]
    before = sorted(bench.project.folder.iterdir())
    done = bench.run(*arguments, **environment)
    assert (done.returncode, done.stdout) == (code, "")
    assert says in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert sorted(path for path in bench.project.folder.iterdir() if path.name != "__pycache__") == before


def test_on_the_cloud_it_says_first_what_it_will_do_and_asks(bench):
    command = bench.project.command("bench", *FEW, "--broker", "cloud", "--project", "p")
    terminal = Terminal(command, bench.project.folder, bench.project.environment | bench.environment, columns=150)
    try:
        shown = terminal.read_until(lambda text: "Measure? [y/N]" in text)
        assert "project p: 2 topics and 3 subscriptions named pubsubctl-bench-..., deleted in the end" in shown
        assert "at most 26 messages, each with a body of 0 bytes" in shown
        terminal.type(b"n\n")
        assert terminal.wait() == 1
    finally:
        terminal.close()


def test_credentials_that_cannot_be_used_leave_nothing(bench):
    done = bench.run(*FEW, "--broker", "cloud", "--project", "p", "--yes", "--credentials-file", "measured.py")
    assert done.returncode == 2
    assert "credentials_file 'measured.py' (from --credentials-file) cannot be used" in done.stderr.splitlines()[-1]


def test_a_store_that_is_named_has_none_of_the_jobs_afterwards(bench):
    store = bench.project.store
    kept = store.store_id
    for path, code in (("/sleep/0.0", 0), ("/exits-as-job", 1)):
        done = bench.run("measured:app", path, *FEW, "--store", ".pubsubctl/jobs.db", "--format", "json")
        assert done.returncode == code, done.stderr
        assert sum(store.counts().values()) == 0
        assert store.workers() == []
    assert store.store_id == kept


def test_what_the_users_file_says_of_workers_holds_and_what_it_says_of_jobs_does_not(bench):
    store = bench.project.store
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        host_port = f"127.0.0.1:{taken.getsockname()[1]}"
        (bench.project.folder / "pubsubctl.toml").write_text(
            f'store = ".pubsubctl/jobs.db"\nhost_port = "{host_port}"\nretry_on = "none"\n'
            '[profiles.night]\nprocesses = 1\nthreads = 3\nsubscription = "of-the-night"\n'
        )
        done = bench.run("measured:app", "/sleep/0.0", *FEW[:-2], "--profile", "night", "--format", "json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["processes"], report["threads"]) == (1, 3)
    assert report["store"] == "sqlite (temporary)"
    assert sum(store.counts().values()) == 0


@pytest.fixture
def broker(served) -> dict[str, str]:
    """An emulator of the user's, with a worker's topics and subscriptions."""
    address = json.loads((served.folder / ".pubsubctl" / "emulator.json").read_text())["address"]
    return {"PUBSUB_EMULATOR_HOST": address}


def test_on_a_broker_of_the_users_it_takes_its_own_topics_away_again(bench, broker):
    before = resources(bench.project)
    done = bench.run("measured:app", "/sleep/0.0", *FEW, "--format", "json", **broker)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["broker"]["own"] is False
    assert json.loads(done.stdout)["cpu_us_per_job"]["broker"] is None
    assert bench.run("measured:app", "/exits-as-job", *FEW, **broker).returncode == 1
    assert resources(bench.project) == before


def test_what_could_not_be_taken_away_is_named(bench, broker):
    process = bench.start("measured:app", "/sleep/0.2", "--jobs", "1000", "-p", "2", **broker)
    wait_for(lambda: "measuring 1,000 jobs" in bench.notes, "it to measure")
    os.kill(bench.project.emulator_pid, signal.SIGKILL)
    wait_for(lambda: bench.project.run("emulator", "status").returncode, "the emulator to be gone")
    process.send_signal(signal.SIGINT)
    assert process.wait(40) == 130
    told = bench.notes.splitlines()[-2]
    assert told.startswith("could not delete projects/pubsubctl-local/subscriptions/pubsubctl-bench-")
    assert told.count("/pubsubctl-bench-") == 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_takes_everything_down(bench, broker, number):
    before = resources(bench.project)
    process = bench.start("measured:app", "/sleep/0.2", "--jobs", "1000", "-p", "2", **broker)
    wait_for(lambda: "measuring 1,000 jobs" in bench.notes, "it to measure")
    assert len(resources(bench.project)) == len(before) + 5
    for _ in range(3):
        process.send_signal(number)
        time.sleep(0.05)
    assert process.wait(20) == 130
    assert bench.notes.splitlines()[-1] == "pubsubctl: interrupted; everything was taken down"
    assert bench.left() == []
    assert resources(bench.project) == before


def test_interrupted_before_it_has_begun_it_leaves_nothing(bench):
    for wait_s in (0.0, 0.3, 0.6):
        process = bench.start("measured:app", "/sleep/0.0", *FEW)
        wait_for(lambda: "starting a worker" in bench.notes, "it to start")
        time.sleep(wait_s)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert bench.left() == []


def test_on_googles_emulator(bench, gcloud_address):
    there = {"PUBSUB_EMULATOR_HOST": gcloud_address, "PUBSUBCTL_PROJECT": "benched"}
    done = bench.run("measured:app", "/sleep/0.0", *FEW, "--broker", "gcloud", "--format", "json", **there)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["broker"] == {"kind": "gcloud", "address": gcloud_address, "own": False}
    assert resources(bench.project, **there) == []
