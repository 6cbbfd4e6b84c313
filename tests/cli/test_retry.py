"""retry: what is queued again, what is refused, and what is asked first."""

import json
import signal
import subprocess

import lives
import pytest
from cli_project import only_line, wait_for
from terminal import Terminal

from pubsubctl.job import JobState, Reason
from pubsubctl.selecting import Selection
from pubsubctl.store.timeline import EventKind

MANY = 5000


def states(project, *job_ids):
    return [str(job.state) for job in project.store.get(job_ids)]


def test_a_failed_job_runs_again_under_its_id_and_then_succeeds(served):
    worker = served.start_worker("-p", "1")
    done = served.run("submit", "/broken", "--max-attempts", "1", "--wait", "--format", "jsonl")
    job_id = json.loads(done.stdout)["id"]
    assert states(served, job_id) == ["failed"]
    (served.folder / "part").touch()
    done = served.run("retry", job_id)
    assert (done.returncode, done.stderr) == (0, "")
    assert only_line(done.stdout) == f"{job_id} queued again (it was failed)"
    wait_for(lambda: states(served, job_id) == ["succeeded"], "its second attempt")
    assert served.run("result", job_id).stdout == "mended"
    (job,) = served.store.get([job_id])
    assert job.attempt == 2
    kinds = [event.kind for event in served.store.history(job_id)]
    assert kinds.count(EventKind.RETRIED) == 1
    assert served.stop_worker(worker) == 0


def test_where_nothing_matches_it_says_so(idle):
    idle.run("retry", "--failed", "--yes")  # what other tests have left
    done = idle.run("retry", "--failed", "--yes")
    assert (done.returncode, done.stdout, done.stderr) == (0, "0 jobs queued again\n", "nothing matches\n")


def test_without_a_worker_it_says_when_they_are_published(idle):
    job_id = lives.dead(idle.store)
    done = idle.run("retry", job_id)
    assert done.returncode == 0
    assert done.stderr == ("no worker is running; they are published when one runs:\n  pubsubctl worker start APP\n")
    assert states(idle, job_id) == ["queued"]


def test_what_cannot_be_retried_is_refused_and_the_rest_is_not(idle):
    waiting, dead, gone = lives.added(idle.store), lives.dead(idle.store), lives.added(idle.store)
    idle.store.cancel([gone])
    done = idle.run("retry", waiting, dead, gone, "--format", "jsonl")
    assert done.returncode == 1
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"id": dead, "retried": True, "state_before": "failed"},
        {"id": gone, "retried": True, "state_before": "cancelled"},
    ]
    last = done.stderr.splitlines()[-1]
    assert last == f"pubsubctl: job {waiting} has not ended (queued); only a failed or cancelled job can be retried"
    again = idle.run("retry", "nope")
    assert (again.returncode, again.stdout) == (1, "")
    assert only_line(again.stderr).startswith("pubsubctl: no job 'nope' in the store")


def test_a_job_that_succeeded_is_refused(project):
    done = project.run("submit", "/", "--wait", "--format", "jsonl")
    job_id = json.loads(done.stdout)["id"]
    done = project.run("retry", job_id)
    assert done.returncode == 1
    assert only_line(done.stderr).endswith(f"job {job_id} has succeeded; only a failed or cancelled job can be retried")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--batch"], ["queued", "queued", "queued"]),
        (["--failed", "--batch"], ["queued", "queued", "cancelled"]),
        (["--reason", "status", "--batch"], ["queued", "failed", "cancelled"]),
    ],
    ids=["batch", "failed", "reason"],
)
def test_of_a_batch(idle, options, expected):
    batch_id = f"batch-{'-'.join(options)}"
    answered, dead, gone, other = (
        lives.added(idle.store, batch_id=name) for name in (batch_id, batch_id, batch_id, "other")
    )
    lives.failed(idle.store, answered, Reason.STATUS, status=404)
    lives.failed(idle.store, dead, Reason.EXHAUSTED)
    lives.failed(idle.store, other, Reason.EXHAUSTED)
    idle.store.cancel([gone])
    tried = idle.run("retry", *options, batch_id, "--dry-run")
    assert tried.returncode == 0
    assert tried.stdout.count("would be queued again") == expected.count("queued")
    assert states(idle, answered, dead, gone) == ["failed", "failed", "cancelled"]
    done = idle.run("retry", *options, batch_id)
    assert done.returncode == 0, done.stderr
    count = expected.count("queued")
    assert only_line(done.stdout) == f"{count} job{'s' if count > 1 else ''} queued again"
    assert states(idle, answered, dead, gone) == expected
    assert states(idle, other) == ["failed"]


def test_all_failed_ones_need_a_yes(served):
    job_id = lives.dead(served.store)
    done = served.run("retry", "--failed")
    assert (done.returncode, done.stdout) == (2, "")
    assert "add --yes to retry without being asked" in only_line(done.stderr)
    assert states(served, job_id) == ["failed"]
    assert served.json("retry", "--failed", "--yes") == [{"id": job_id, "retried": True, "state_before": "failed"}]
    assert served.json("retry", "--failed", "--yes") == []


@pytest.mark.parametrize(("answer", "state"), [(b"y\n", "queued"), (b"\n", "failed")], ids=["yes", "no"])
def test_on_a_terminal_it_says_how_many_and_asks(served, answer, state):
    job_id = lives.dead(served.store)
    terminal = Terminal(served.command("retry", "--failed"), served.folder, served.environment, columns=80)
    try:
        terminal.read_until(lambda text: "1 job goes back to the queue. Retry? [y/N]" in text)
        later = lives.dead(served.store)
        terminal.type(answer)
        assert terminal.wait() == (0 if state == "queued" else 1)
    finally:
        terminal.close()
    assert states(served, job_id, later) == [state, "failed"], "nobody was asked about what has failed meanwhile"


def test_a_retry_of_what_another_has_retried_meanwhile_changes_nothing(idle):
    job_id = lives.dead(idle.store)
    idle.run("retry", job_id)
    done = idle.run("retry", job_id)
    assert done.returncode == 1
    assert idle.store.get([job_id])[0].state is JobState.QUEUED


def test_of_an_unknown_batch(idle):
    for command in (["retry"], ["retry", "--failed"], ["dlq", "list"], ["dlq", "replay"], ["dlq", "purge"]):
        done = idle.run(*command, "--batch", "batch-nope")
        assert (done.returncode, done.stdout) == (1, ""), command
        assert "no batch 'batch-nope' in the store" in only_line(done.stderr)


def interrupted(project, *arguments):
    """What a command writes, whose first line is read before Ctrl-C is pressed."""
    command = subprocess.Popen(
        project.command(*arguments, "--format", "jsonl"),
        cwd=project.folder,
        env=project.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert command.stdout is not None
    command.stdout.readline()
    command.send_signal(signal.SIGINT)
    _, told = command.communicate(timeout=30)
    return command.returncode, told


@pytest.mark.parametrize(
    ("command", "doing"),
    [(["retry", "--failed", "--yes"], "queued again"), (["dlq", "purge", "--all", "--yes"], "purged")],
    ids=["retry", "purge"],
)
def test_after_ctrl_c_it_says_what_was_done_until_then(served, command, doing):
    lives.many_dead(served.store, MANY)
    code, told = interrupted(served, *command)
    left = served.store.counts()[JobState.FAILED]
    assert 0 < left < MANY
    assert code == 130
    assert f"pubsubctl: interrupted; {MANY - left:,} jobs were {doing} and the rest is as it was" in only_line(told)
    assert served.run(*command).stdout.startswith(f"{left:,} ")


def test_a_dry_run_that_is_interrupted_tells_of_nothing_done(served):
    lives.many_dead(served.store, MANY)
    code, told = interrupted(served, "retry", "--failed", "--dry-run")
    assert (code, only_line(told)) == (130, "pubsubctl: interrupted")
    assert served.store.counts()[JobState.FAILED] == MANY


@pytest.mark.parametrize("command", [["retry", "--failed"], ["dlq", "purge", "--all"]], ids=["retry", "purge"])
def test_on_a_terminal_a_dry_run_shows_a_line_for_each_and_nothing_over_them(served, command):
    lives.many_dead(served.store, 1300)
    ids = {job.id for page in Selection().pages(served.store) for job in page.jobs}
    terminal = Terminal(served.command(*command, "--dry-run"), served.folder, served.environment, columns=100)
    try:
        assert terminal.wait() == 0
        *shown, last = terminal.screen.text.splitlines()
    finally:
        terminal.close()
    assert {line.split()[0] for line in shown} == ids
    assert last.startswith("1,300 ")
