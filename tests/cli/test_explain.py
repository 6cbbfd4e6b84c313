"""explain: one job's story, from a real life."""

import json
import re

import lives
import pytest
from cli_project import only_line, wait_for
from terminal import Terminal

from pubsubctl.job import JobState, Reason
from pubsubctl.store.claims import Claim, Lease, Outcome, Refused
from pubsubctl.store.messages import Returned


def kinds(project, job_id):
    return [event["kind"] for event in project.json("explain", job_id)["events"]]


def test_a_job_that_failed_and_was_tried_again_by_hand(served):
    store = served.store
    job_id = lives.added(store, "/thumbnail", batch_id="batch-1")
    attempt = lives.begun(store, job_id, max_attempts=2)
    ended = Outcome(
        job_id, attempt, JobState.RETRYING, Reason.TIMEOUT, "ran longer than 3 s", retry_in_s=0.0, log="a\nb"
    )
    store.record([ended])
    attempt = lives.begun(store, job_id)
    store.record(
        [Outcome(job_id, attempt, JobState.FAILED, Reason.EXHAUSTED, "2 attempts failed", dead_letter=True, log="c")]
    )
    store.mirrored({job_id: store.get([job_id])[0].finished_at})
    served.run("retry", job_id)
    assert kinds(served, job_id) == [
        *("submitted", "published", "began", "ended", "began", "ended", "mirrored", "retried"),
    ]
    text = served.run("explain", job_id).stdout
    for part in (
        f"job {job_id} queued",
        "POST /thumbnail",
        "attempt 1 began on elsewhere-1-ab (message m-",
        ": failed (timeout): ran longer than 3 s; again in 0.0 s\n",
        "queued again by hand",
        "| c\n",
        "no worker runs; start one with `pubsubctl worker start APP`",
    ):
        assert part in text, text
    assert "| a" not in text
    assert "| a\n" in served.run("explain", job_id, "--logs").stdout
    assert "|" not in served.run("explain", job_id, "--no-logs").stdout


def test_refused_late_given_back_lost_and_returned(served):
    store = served.store
    job_id = lives.added(store)
    attempt = lives.begun(store, job_id)
    request = store.request(job_id)
    other = Claim(job_id, "other", "second", 60.0, 5, 10, 0.0, 86400.0, request, lives.TOPIC)
    (answer,) = store.claim([other])
    assert isinstance(answer, Refused)
    store.release([Lease(job_id, attempt)])
    store.record([Outcome(job_id, attempt, JobState.SUCCEEDED)])
    (job,) = store.get([job_id])
    store.returned([Returned(job_id, job.message_id, "100 deliveries")])
    assert {"refused", "released", "late", "returned"} <= set(kinds(served, job_id))
    text = served.run("explain", job_id).stdout
    for part in ("delivery refused on second (message other)", "was given back", "came too late and was dropped"):
        assert part in text, text
    assert "given up by the broker" in text


def test_a_job_of_a_real_worker_while_it_runs_and_after_its_death(served):
    served.environment["PUBSUBCTL_LEASE"] = "10"
    worker = served.start_worker("-p", "1")
    job_id = served.run("submit", "/slow?s=60", "--job-timeout", "90", "--max-attempts", "3").stdout.strip()
    wait_for(lambda: served.store.get([job_id])[0].state is JobState.RUNNING, "it to run")
    text = served.run("explain", job_id).stdout
    assert re.search(
        r"^it has been running for \S+ s on \S+, whose lease is good for \S+ s and is being renewed$",
        text,
        re.MULTILINE,
    )
    assert "0 of 3 failures, timeout 1 min 30 s" in text
    second = served.run("submit", "/").stdout.strip()
    wait_for(
        lambda: served.json("explain", second)["waits_for"] == ["it waits for a free slot: the worker is busy"],
        "the worker to say that it is busy",
        40,
    )
    served.kill_worker(worker)
    text = served.run("explain", job_id).stdout
    assert re.search(r"^its worker \S+ went away \S+ s ago; its lease ends in \S+ s$", text, re.MULTILINE), text


def test_a_delay_and_a_retry_tell_when_they_are_due(idle):
    job_id = idle.run("submit", "/", "--delay", "1h").stdout.strip()
    first, *_ = idle.json("explain", job_id)["waits_for"]
    assert re.fullmatch(r"its first attempt is due in (59 min \d\d s|1 h 00 min)", first)
    assert re.search(r"^not_before +20", idle.run("status", job_id).stdout, re.MULTILINE)


def test_terms_show_in_status_too(idle):
    job_id = idle.run("submit", "/", "--job-timeout", "90", "--max-attempts", "3").stdout.strip()
    text = idle.run("status", job_id).stdout
    assert re.search(r"^max_attempts +3$", text, re.MULTILINE)
    assert re.search(r"^timeout_s +90\.0$", text, re.MULTILINE)
    assert (idle.json("status", job_id)["timeout_s"], idle.json("status", job_id)["failures"]) == (90.0, 0)


def test_a_broker_that_is_away_is_said(served):
    job_id = lives.added(served.store)
    served.run("emulator", "stop")
    done = served.run("explain", job_id)
    assert done.returncode == 0
    assert "no emulator runs here" in done.stdout


def test_an_unknown_job_is_one_line(idle):
    done = idle.run("explain", "nope")
    assert (done.returncode, done.stdout) == (1, "")
    assert only_line(done.stderr).startswith("pubsubctl: no job 'nope' in sqlite:")


def test_jsonl_is_one_line(idle):
    job_id = lives.added(idle.store)
    assert json.loads(only_line(idle.run("explain", job_id, "--format", "jsonl").stdout))["job"]["id"] == job_id


@pytest.mark.parametrize("columns", [80, 200])
def test_on_a_terminal_everything_fits_and_nothing_acts(idle, columns):
    job_id = lives.dead(idle.store, "/x?" + "日本" * 60, log="\x1b[31mred\x07 " + "long " * 60)
    terminal = Terminal(idle.command("explain", job_id), idle.folder, idle.environment, columns=columns)
    try:
        assert terminal.wait() == 0  # a line that wraps, or a control character, is an error of the screen
        assert "\ufffd[31mred\ufffd long" in terminal.screen.text
    finally:
        terminal.close()
