"""submit: what is sent, what is printed, and with which exit code it ends."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time

import lives
import pytest
from cli_project import only_line, wait_for

from pubsubctl.job import JobState

JOB_ID = re.compile(r"[0-9a-f]{28}")


def test_without_wait_the_id_is_printed_and_nothing_else(project):
    done = project.run("submit", "/")
    assert (done.returncode, done.stderr) == (0, "")
    assert JOB_ID.fullmatch(only_line(done.stdout))


def test_with_wait_the_body_comes_as_it_is(project):
    done = subprocess.run(
        project.command("submit", "/bytes", "--wait"),
        cwd=project.folder,
        env=project.environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == bytes(range(256))


def test_output_puts_the_body_into_a_file(project, tmp_path):
    done = project.run("submit", "/bytes", "-o", str(tmp_path / "body"))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert (tmp_path / "body").read_bytes() == bytes(range(256))


def test_a_job_that_failed_is_exit_3_with_its_body_and_the_reason(project):
    done = project.run("submit", "/missing", "--wait")
    assert (done.returncode, done.stdout) == (3, "no such thing")
    assert re.fullmatch(r"pubsubctl: job \w+ failed: .*404.*", only_line(done.stderr))


def test_a_job_that_was_cancelled_is_exit_3(idle):
    job_id = idle.run("submit", "/", "--delay", "1h", "--idempotency-key", "k").stdout.strip()
    assert idle.run("cancel", job_id).returncode == 0
    done = idle.run("submit", "/", "--delay", "1h", "--idempotency-key", "k", "--wait")
    assert (done.returncode, done.stdout) == (3, "")
    assert "cancelled: it was cancelled" in only_line(done.stderr)


def test_a_wait_that_takes_too_long_is_exit_4_and_the_job_goes_on(idle):
    done = idle.run("submit", "/", "--wait", "--wait-timeout", "0.3")
    assert (done.returncode, done.stdout) == (4, "")
    job_id = re.search(r"job (\w+) is still queued; it goes on:\n  pubsubctl result \1\n$", done.stderr)[1]
    assert idle.store.get([job_id])[0].state == "queued"


@pytest.mark.parametrize(
    ("arguments", "method", "body", "content_type"),
    [
        (["/x?y=1"], "GET", b"", None),
        (["put", "/x?y=1"], "PUT", b"", None),
        (["/x?y=1", "-j", '{"a":  1}'], "POST", b'{"a":  1}', "application/json"),
        (["-j", '{"a":  1}', "PUT", "/x?y=1"], "PUT", b'{"a":  1}', "application/json"),
        (
            ["/x?y=1", "-j", '{"a":  1}', "-H", "Content-Type: application/ld+json"],
            "POST",
            b'{"a":  1}',
            "application/ld+json",
        ),
        (["/x?y=1", "-d", "täxt"], "POST", "täxt".encode(), "text/plain; charset=utf-8"),
        (["/x?y=1", "-d", "@page.html"], "POST", b"<p>", "text/html"),
        (["/x?y=1", "-d", "-"], "POST", b"\x00given\n", "application/octet-stream"),
        (["PATCH", "/x?y=1", "-j", "@data.json"], "PATCH", b"[1]\n", "application/json"),
    ],
)
def test_what_is_sent(idle, arguments, method, body, content_type):
    done = idle.run("submit", *arguments, given=b"\x00given\n")
    assert done.returncode == 0, done.stderr
    request = idle.store.request(done.stdout.strip())
    assert (request.method, request.path, request.body) == (method, "/x?y=1", body)
    assert request.header("content-type") == content_type


def test_headers_and_terms_reach_the_job(idle):
    terms = ("--ordering-key", "o", "--max-attempts", "7", "--idempotency-key", "once")
    done = idle.run("submit", "/x", "-H", "X-A: 1", "-H", "x-a: 2", *terms)
    assert idle.store.request(done.stdout.strip()).headers == (("x-a", "1, 2"),)
    (job,) = idle.store.get([done.stdout.strip()])
    assert (job.ordering_key, job.max_attempts, job.idempotency_key) == ("o", 7, "once")
    again = idle.run("submit", "/x", "-H", "X-A: 1, 2", *terms)
    assert again.stdout == done.stdout


def test_an_idempotency_key_with_another_request_is_exit_2(idle):
    idle.run("submit", "/x", "--idempotency-key", "taken")
    done = idle.run("submit", "/y", "--idempotency-key", "taken")
    assert done.returncode == 2
    assert "belongs to job" in only_line(done.stderr)


def test_a_form_is_multipart(project):
    (project.folder / "cat.png").write_bytes(b"png")
    done = project.run("submit", "/upload", "-F", "a=1", "-F", "picture=@cat.png", "--wait")
    assert json.loads(done.stdout) == {"picture": ["cat.png", "image/png", 3]}


@pytest.mark.parametrize("order", ["path first", "files first"])
def test_each_file_is_a_job(project, order):
    for name in ("one.txt", "two.json", "-three"):
        (project.folder / name).write_text(name)
    files = ("--each", "one.txt", "two.json", "./-three")
    arguments = ("POST", "/echo", *files) if order == "path first" else (*files, "POST", "/echo")
    done = project.run("submit", *arguments, "--wait", "--format", "jsonl")
    assert done.returncode == 0, done.stderr
    ids = sorted(json.loads(line)["id"] for line in done.stdout.splitlines())
    answers = [project.store.response(job_id) for job_id in ids]
    bodies = {answer.body: answer.header("content-type") for answer in answers}
    assert bodies == {
        b"one.txt": "text/plain",
        b"two.json": "application/json",
        b"-three": "application/octet-stream",
    }


def test_each_as_sends_files_as_a_field(project):
    (project.folder / "one.txt").write_text("12345")
    done = project.run("submit", "/upload", "--each-as", "document", "--each", "one.txt", "--wait")
    assert json.loads(done.stdout) == {"document": ["one.txt", "text/plain", 5]}


def test_lines_are_jobs_in_order(idle):
    lines = [
        {"path": "/a"},
        {"method": "PUT", "path": "/b", "json": {"ü": 1}, "headers": {"X-A": "1"}},
        {"path": "/c", "data": "text"},
        {"path": "/d", "data_base64": "AAE="},
    ]
    given = b"\n".join(json.dumps(line).encode() for line in lines) + b"\n\n"
    done = idle.run("submit", "--from", "-", given=given)
    assert done.returncode == 0, done.stderr
    sent = [idle.store.request(job_id) for job_id in done.stdout.split()]
    assert [(one.method, one.path) for one in sent] == [("GET", "/a"), ("PUT", "/b"), ("POST", "/c"), ("POST", "/d")]
    assert json.loads(sent[1].body) == {"ü": 1}
    assert (sent[2].body, sent[3].body) == (b"text", b"\x00\x01")
    assert re.fullmatch(
        r"submitted 4 jobs as (batch-\w+); to follow them:\n  pubsubctl status \1 --watch\n", done.stderr
    )


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (b'{"path": "/"', ", column 13: Expecting ',' delimiter"),
        (b'{"path": "/", "json": NaN}', "no JSON: JSON has no NaN"),
        (b'{"path": "x"}', "must begin with '/'"),
        (b'{"path": "/", "jsno": 1}', "unknown key 'jsno'"),
        (json.dumps({"path": "/", "headers": {f"x-{n}": "1" for n in range(120)}}).encode(), "at most 100"),
        (json.dumps({"path": "/", "data": "x" * 10_000_001}).encode(), "10 MB"),
    ],
    ids=["syntax", "constant", "path", "key", "headers", "size"],
)
def test_a_bad_line_stops_with_its_number_and_says_what_came_before(idle, bad, says):
    done = idle.run("submit", "--from", "-", given=b'{"path": "/"}\n' * 3 + bad + b'\n{"path": "/"}\n')
    assert done.returncode == 2
    line = only_line(done.stderr)
    assert re.match("pubsubctl: standard input, line 4[:,] ", line)
    assert line.count("line ") == 1
    assert says in line
    batch_id = re.search(r"submitted 3 jobs as (batch-\w+)", line)[1]
    found = idle.store.find(batch_id=batch_id).jobs
    assert {job.id for job in found} == set(done.stdout.split())
    assert len(found) == 3


def test_a_bad_first_line_submits_nothing(idle):
    done = idle.run("submit", "--from", "-", given=b"nonsense\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no job was submitted" in only_line(done.stderr)


def test_many_with_wait_end_in_a_summary(project):
    done = project.run("submit", "/", "--count", "30", "--wait")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"batch-\w+: 30 jobs in .* s: 30 succeeded", only_line(done.stdout))


def test_many_with_failures_are_exit_3_with_the_reasons(project):
    given = b'{"path": "/"}\n{"path": "/missing"}\n' * 4
    done = project.run("submit", "--from", "-", "--wait", given=given)
    assert done.returncode == 3
    title, *failures = done.stdout.splitlines()
    assert title.endswith("4 succeeded, 4 failed")
    assert len(failures) == 4
    assert all("404" in line for line in failures)
    assert done.stderr.splitlines()[-1] == "pubsubctl: 4 of 8 jobs did not succeed"


def test_jsonl_is_a_line_for_each_job_as_it_ends(project):
    given = b'{"path": "/"}\n{"path": "/missing"}\n{"path": "/slow?s=1"}\n'
    done = project.run("submit", "--from", "-", "--wait", "--format", "jsonl", given=given)
    assert done.returncode == 3
    jobs = [json.loads(line) for line in done.stdout.splitlines()]
    assert {job["path"]: job["state"] for job in jobs} == {
        "/": "succeeded",
        "/missing": "failed",
        "/slow?s=1": "succeeded",
    }
    assert jobs[-1]["path"] == "/slow?s=1"


def test_json_is_one_document_at_the_end(project):
    found = project.json("submit", "/", "--count", "5", "--wait")
    assert found["counts"]["succeeded"] == len(found["jobs"]) == 5
    assert {job["batch_id"] for job in found["jobs"]} == {found["batch_id"]}


def test_json_of_one_job_has_its_response(project):
    found = project.json("submit", "/echo", "-d", "hello", "--wait")
    assert (found["state"], found["http_status"]) == ("succeeded", 200)
    assert base64.b64decode(found["body_base64"]) == b"hello"


def test_known_jobs_of_other_submits_are_waited_for_too(project):
    line = b'{"path": "/slow?s=0.5", "idempotency_key": "twice"}\n'
    project.run("submit", "--from", "-", given=line)
    done = project.run("submit", "--from", "-", "--wait", given=line * 2 + b'{"path": "/"}\n')
    assert done.returncode == 0, done.stderr
    assert "2 jobs" in done.stdout
    assert "2 succeeded" in done.stdout


def test_nothing_to_submit_is_said(project):
    done = project.run("submit", "--from", "-", "--wait")
    assert (done.returncode, done.stdout) == (0, "")
    assert "nothing was submitted" in only_line(done.stderr)


def test_a_reader_that_leaves_ends_it_silently(idle):
    command = subprocess.Popen(
        idle.command("submit", "/", "--count", "3000"),
        cwd=idle.folder,
        env=idle.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert JOB_ID.fullmatch(command.stdout.readline().decode().strip())
    command.stdout.close()
    assert command.stderr.read() == b""
    assert command.wait(30) == 1
    command.stderr.close()


def test_interrupted_says_how_to_come_back(idle):
    command = subprocess.Popen(
        idle.command("submit", "/", "--wait"),
        cwd=idle.folder,
        env=idle.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert b"no worker is running" in command.stderr.readline()
    command.send_signal(signal.SIGINT)
    told = command.stderr.read().decode()
    command.stderr.close()
    assert command.wait(20) == 130
    job_id = re.fullmatch(
        r"pubsubctl: interrupted; the job goes on:\n  pubsubctl status (\w+) --watch\n  pubsubctl result \1\n", told
    )[1]
    assert idle.store.get([job_id])[0].state == "queued"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["submit", "--from", "-"], "standard input is closed"),
        (["submit", "POST", "/", "--data", "-"], "standard input is closed"),
        (["retry", "--failed"], "there is no terminal to ask on"),
    ],
)
def test_without_a_standard_input_there_is_one_line(idle, arguments, said):
    lives.dead(idle.store)
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *idle.command(*arguments)],
        cwd=idle.folder,
        env=idle.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert said in only_line(done.stderr)


@pytest.mark.parametrize("flags", [[], ["--wait"]], ids=["submit", "wait"])
def test_interrupted_while_it_submits_says_how_to_come_back(idle, flags):
    before = sum(idle.store.counts().values())
    command = subprocess.Popen(
        idle.command("submit", "--from", "-", *flags),
        cwd=idle.folder,
        env=idle.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    with command:
        try:
            command.stdin.write(b'{"path": "/"}\n' * 1500)
            command.stdin.flush()
            wait_for(lambda: sum(idle.store.counts().values()) == before + 1500, "all that came")
            time.sleep(0.5)  # they are published too, and it waits for more
            command.send_signal(signal.SIGINT)
            told = command.stderr.read().decode()
            assert command.wait(20) == 130
        finally:
            command.kill()
    batch_id = re.search(
        r"pubsubctl: interrupted; submitted 1,500 jobs as (batch-\w+); to come back:\n  pubsubctl status \1 --watch\n$",
        told,
    )[1]
    assert told.count("interrupted") == told.count("submitted 1,500 jobs") == 1
    assert idle.run("cancel", batch_id).stdout == f"{batch_id}: 1,500 jobs cancelled\n"


@pytest.mark.parametrize("flags", [[], ["--wait", "--format", "jsonl"]], ids=["submit", "wait"])
def test_what_came_is_submitted_and_told_while_more_is_waited_for(served, flags):
    served.start_worker()
    command = subprocess.Popen(
        served.command("submit", "--from", "-", *flags),
        cwd=served.folder,
        env=served.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with command:
        try:
            for lines in (1, 3, 2):
                command.stdin.write(b'{"path": "/"}\n' * lines + b'{"pa')  # and the next has begun
                command.stdin.flush()
                told = [command.stdout.readline() for _ in range(lines)]
                assert all(b"\n" in line for line in told), told
                command.stdin.write(b'th": "/"}\n')
                command.stdin.flush()
                assert command.stdout.readline()
            command.stdin.close()
            assert (command.wait(40), command.stdout.read()) == (0, b"")
        finally:
            command.kill()


def test_jobs_that_the_broker_refused_are_not_called_submitted(idle):
    done = idle.run("submit", "/", "--topic", "notopic", "--count", "3")
    assert done.returncode == 1
    line = only_line(done.stderr)
    batch_id = re.search(r"; 3 jobs kept as failed in (batch-\w+)$", line)[1]
    assert "notopic" in line
    assert idle.store.counts(batch_id)[JobState.FAILED] == 3


def test_a_broker_that_goes_away_is_said_and_the_result_still_comes(served):
    worker = served.start_worker()
    command = subprocess.Popen(
        served.command("submit", "/slow?s=4", "--wait"),
        cwd=served.folder,
        env=served.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    wait_for(lambda: served.store.counts()[JobState.RUNNING] == 1, "the job to run")
    os.kill(served.emulator_pid, signal.SIGKILL)
    out, err = command.communicate(timeout=40)
    assert (command.returncode, out) == (0, b"slow"), err
    assert b"no broker answers at 127.0.0.1:" in err
    served.kill_worker(worker)


def test_lines_never_sit_in_memory(idle):
    # Linux hands the peak of a process on to what it starts, so a small one stands between this one and the command.
    between = (
        "import resource, subprocess, sys\n"
        "code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode\n"
        "print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    command = subprocess.Popen(
        [sys.executable, "-c", between, *idle.command("submit", "--from", "-")],
        cwd=idle.folder,
        env=idle.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    line = json.dumps({"path": "/", "data": "x" * 40_000}).encode() + b"\n"
    for _ in range(5_000):  # 200 MB of input
        command.stdin.write(line)
    command.stdin.close()
    code, peak = map(int, command.stdout.read().split())
    command.stdout.close()
    assert command.wait(20) == code == 0
    assert peak < 200_000, "kB"
