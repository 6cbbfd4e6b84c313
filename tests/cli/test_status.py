"""status, result, cancel: what is known of jobs."""

import base64
import json
import os
import re
import resource
import signal
import socket
import subprocess
from dataclasses import replace

import lives
from cli_project import only_line, wait_for

from pubsubctl import names
from pubsubctl.client import Client
from pubsubctl.job import JobState, Reason
from pubsubctl.liveness import alive
from pubsubctl.settings import Settings
from pubsubctl.store.claims import Outcome


def ended(project, *arguments):
    done = project.run("submit", *arguments, "--wait", "--format", "jsonl")
    return json.loads(done.stdout)["id"]


def processor_time_s() -> float:
    """Of all processes that have been started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_everything_at_a_glance(project):
    job_id = ended(project, "/")
    found = project.json("status")
    assert found["broker"]["kind"] == "embedded"
    assert found["broker"]["running"] is True
    assert found["topic"] == "projects/pubsubctl-local/topics/pubsubctl-requests"
    assert found["backlog"] == found["counts"]["queued"] + found["counts"]["retrying"]
    (worker,) = found["workers"]
    assert (worker["app"], worker["slots"], worker["alive"]) == ("app:app", 4, True)
    assert job_id in {job["id"] for job in found["jobs"]}
    text = project.run("status").stdout
    for part in (found["broker"]["address"], "of 4 slots busy", job_id, "backlog"):
        assert part in text


def test_status_works_without_a_broker_and_says_so(served):
    os.kill(served.emulator_pid, signal.SIGKILL)
    done = served.run("status")
    assert done.returncode == 0
    assert re.search(r"broker +embedded (does not answer at|is not running)", done.stdout)
    assert served.json("status")["broker"]["running"] is False
    served.run("emulator", "stop")
    assert "is not running" in served.run("status").stdout


def test_a_job_in_full(project):
    job_id = ended(project, "/missing")
    found = project.json("status", job_id)
    assert (found["id"], found["state"], found["http_status"], found["attempt"]) == (job_id, "failed", 404, 1)
    text = project.run("status", job_id).stdout
    assert re.search(r"^state +failed$", text, re.MULTILINE)
    assert re.search(r"^result_bytes +13 \(13 bytes\)$", text, re.MULTILINE)


def test_a_batch(project):
    batch_id = json.loads(project.run("submit", "/missing", "--count", "3", "--wait", "--format", "json").stdout)[
        "batch_id"
    ]
    found = project.json("status", batch_id)
    assert found["counts"]["failed"] == len(found["jobs"]) == 3
    lines = project.run("status", batch_id).stdout.splitlines()
    assert lines[0] == f"{batch_id}: 3 jobs: 3 failed"
    assert len(lines) == 4
    rows = project.run("status", batch_id, "--format", "jsonl").stdout.splitlines()
    assert {json.loads(row)["id"] for row in rows} == {job["id"] for job in found["jobs"]}


def test_an_unknown_id_is_an_error_and_never_pending(project):
    for command in ("status", "result", "cancel"):
        done = project.run(command, "nope")
        assert (done.returncode, done.stdout) == (1, ""), command
        assert re.match(r"pubsubctl: no job (or batch )?'nope' in sqlite:", only_line(done.stderr)), command


def test_watching_without_a_terminal_ends_with_the_job(project):
    job_id = project.run("submit", f"/slow?s=1&until={project.folder}/go").stdout.strip()
    watching = project.command("status", job_id, "--watch", "--format", "jsonl")
    with subprocess.Popen(watching, cwd=project.folder, env=project.environment, stdout=subprocess.PIPE) as watch:
        first = watch.stdout.readline()
        (project.folder / "go").touch()
        rest, _ = watch.communicate(timeout=40)
    assert watch.returncode == 0
    states = [json.loads(line)["state"] for line in (first + rest).splitlines()]
    assert states[0] in {"queued", "running"}
    assert states[-1] == "succeeded"


def test_the_result(project):
    job_id = ended(project, "/bytes")
    found = project.json("result", job_id)
    assert set(found) == {"id", "http_status", "headers", "body_base64"}
    assert (found["id"], found["http_status"]) == (job_id, 200)
    assert [value for name, value in found["headers"] if name == "X-Two"] == ["1", "2"]
    assert base64.b64decode(found["body_base64"]) == bytes(range(256))


def test_the_result_with_its_head(project):
    head, _, body = project.run("result", ended(project, "/missing"), "-i").stdout.partition("\n\n")
    lines = head.splitlines()
    assert lines[0] == "HTTP/1.1 404 NOT FOUND"
    assert "Content-Type: text/html; charset=utf-8" in lines
    assert body == "no such thing"


def test_the_result_in_a_file(project, tmp_path):
    done = project.run("result", ended(project, "/bytes"), "-o", str(tmp_path / "body"))
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "body").read_bytes() == bytes(range(256))
    failed = project.run("result", ended(project, "/"), "-o", str(tmp_path))
    assert failed.returncode == 1
    assert f"cannot write {tmp_path}" in only_line(failed.stderr)


def test_a_result_that_is_not_there_yet(idle):
    job_id = idle.run("submit", "/").stdout.strip()
    done = idle.run("result", job_id)
    assert (done.returncode, done.stdout) == (1, "")
    assert "has no result yet (queued)" in only_line(done.stderr)


def test_cancelling(idle):
    job_id = idle.run("submit", "/").stdout.strip()
    assert idle.run("cancel", job_id).stdout == f"{job_id} cancelled (it was queued)\n"
    assert idle.run("cancel", job_id).stdout == f"{job_id} had ended already: cancelled\n"
    assert idle.json("cancel", job_id) == [{"id": job_id, "cancelled": False, "state_before": "cancelled"}]
    done = idle.run("cancel", job_id, "nope")
    assert done.returncode == 1
    assert job_id in done.stdout


def test_cancelling_a_batch(idle):
    found = idle.json("submit", "/", "--count", "3")
    batch_id, (first, *_) = found["batch_id"], found["ids"]
    idle.run("cancel", first)
    other = idle.run("submit", "/").stdout.strip()
    done = idle.run("cancel", batch_id, other)
    assert (done.returncode, done.stdout) == (
        0,
        f"{other} cancelled (it was queued)\n{batch_id}: 2 jobs cancelled, 1 had ended already\n",
    )
    assert idle.store.counts(batch_id)[JobState.CANCELLED] == 3
    assert idle.json("cancel", batch_id) == [{"batch_id": batch_id, "cancelled_jobs": 0, "ended_jobs": 3}]


def test_cancelling_a_batch_by_option(idle):
    found = idle.json("submit", "/", "--count", "2")
    batch_id = found["batch_id"]
    done = idle.run("cancel", "--batch", batch_id)
    assert (done.returncode, done.stdout) == (0, f"{batch_id}: 2 jobs cancelled\n")
    again = idle.run("cancel", "--batch", batch_id)
    assert (again.returncode, again.stdout) == (0, f"{batch_id}: 0 jobs cancelled, 2 had ended already\n")
    both = idle.run("cancel", found["ids"][0], "--batch", batch_id, "--batch", "nope")
    assert both.returncode == 1
    assert both.stdout.splitlines() == [
        f"{found['ids'][0]} had ended already: cancelled",
        f"{batch_id}: 0 jobs cancelled, 2 had ended already",
    ]
    assert "no job or batch 'nope'" in only_line(both.stderr)


def test_what_is_tried_again_shows_when_it_is_due(served):
    store = served.store
    job_id = lives.added(store, "/later")
    attempt = lives.begun(store, job_id)
    store.record([Outcome(job_id, attempt, JobState.RETRYING, Reason.TIMEOUT, "ran longer than 3 s", retry_in_s=500)])
    text = served.run("status").stdout
    assert re.search(
        rf"^{job_id} +attempt 2 +due in 8 min \d\d s +POST /later  ran longer than 3 s$", text, re.MULTILINE
    )
    (due,) = served.json("status")["retrying"]
    assert (due["id"], due["failures"]) == (job_id, 1)


def test_a_worker_that_went_away_shows_since_when_and_what_it_held(served):
    store = served.store
    store.heartbeat(replace(lives.WORKER, host=socket.gethostname(), pid=2**22 - 1), [], lease_s=60)
    job_id = lives.added(store, "/held")
    lives.begun(store, job_id)
    text = served.run("status").stdout
    assert re.search(r"no sign of life for \S+ s \(since \d\d:\d\d:\d\d UTC\); it held 1 job$", text, re.MULTILINE), (
        text
    )
    assert re.search(rf"^  {job_id}  POST /held ", text, re.MULTILINE)


def test_status_is_quick_with_many_jobs(served):
    lives.many_dead(served.store, 20_000)
    before_s = processor_time_s()
    assert served.run("status").returncode == 0
    assert processor_time_s() - before_s < 3, "half a second; what reads all of them takes longer than that"


def test_watching_a_batch_that_another_process_still_submits(idle):
    batch_id = names.new_batch_id()
    with Client(Settings.load({}, environ={}, start=idle.folder)) as client:
        first = [job.id for job in client.submit_many([{"path": "/"}] * 2, batch_id=batch_id)]
        command = subprocess.Popen(
            idle.command("status", batch_id, "--watch", "--format", "jsonl"),
            cwd=idle.folder,
            env=idle.environment,
            stdout=subprocess.PIPE,
        )

        def counts():
            return json.loads(command.stdout.readline())["counts"]

        assert counts()["queued"] == 2
        later = [job.id for job in client.submit_many([{"path": "/"}], batch_id=batch_id)]
        assert counts()["queued"] == 3
        idle.store.cancel(first)
        assert (counts() | {"running": 0})["cancelled"] == 2
        idle.store.cancel(later)
        assert counts()["cancelled"] == 3, "it has not ended before"
    command.stdout.close()
    assert command.wait(20) == 0


def test_a_worker_that_was_killed_is_dead_at_once(served):
    worker = served.start_worker("-p", "1")
    assert served.json("status")["workers"][0]["alive"] is True
    served.kill_worker(worker)
    assert served.json("status")["workers"][0]["alive"] is False
    (known,) = served.store.workers()
    assert alive(replace(known, host="elsewhere"), served.store.now()), "only its own machine knows its processes"


def test_a_cancelled_job_that_ran_is_stopped(project):
    job_id = project.run("submit", "/slow?s=30").stdout.strip()
    wait_for(lambda: project.store.get([job_id])[0].state is JobState.RUNNING, "it to run")
    assert project.run("cancel", job_id).stdout == f"{job_id} cancelled (it was running)\n"
    quick = project.run("submit", "/", "--count", "8", "--wait", "--wait-timeout", "20")
    assert quick.returncode == 0, "its slot is free again"


def test_what_users_sent_does_not_reach_the_terminal_as_it_is(project):
    job_id = ended(project, "/missing?[red]\u202e\u2028x")
    text = project.run("status", job_id).stdout
    assert "/missing?[red]\ufffd x" in text
