"""One idempotency key, one job: whichever way the key comes, and however many submit it at once."""

import json
import subprocess

import pytest
from cli_project import only_line


def header(key):
    return ("-H", f'Idempotency-Key: "{key}"')


def test_a_key_in_the_header_gives_the_same_job_and_reaches_the_app(idle):
    first = idle.run("submit", "/x", *header("head"))
    assert first.returncode == 0, first.stderr
    job_id = first.stdout.strip()
    assert idle.run("submit", "/x", *header("head")).stdout.strip() == job_id
    assert idle.run("submit", "/x", "-H", "idempotency-key: head").stdout.strip() == job_id, "bare"
    assert idle.run("submit", "/x", "--idempotency-key", "head").stdout.strip() == job_id, "by the option"
    assert idle.store.request(job_id).header("idempotency-key") == '"head"'
    assert idle.json("status", job_id)["idempotency_key"] == "head"


def test_lines_may_have_it_in_their_headers(idle):
    lines = [
        {"path": "/lines", "headers": {"Idempotency-Key": '"line"'}},
        {"path": "/lines", "idempotency_key": "line"},
        {"path": "/lines", "headers": [["Idempotency-Key", "other"]]},
    ]
    done = idle.run("submit", "--from", "-", given="\n".join(map(json.dumps, lines)).encode())
    first, second, third = done.stdout.split()
    assert first == second != third


@pytest.mark.parametrize(
    ("arguments", "differs"),
    [
        (("/same", "-j", "1"), None),
        (("PUT", "/same", "-j", "1"), "the method"),
        (("/other", "-j", "1"), "the path"),
        (("/same", "-j", "2"), "the body"),
        (("/same", "-j", "1", "-H", "Accept: text/csv"), "the 'accept' header"),
        (("/same", "-j", "1", "-H", "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), None),
    ],
)
def test_another_request_under_it_is_refused_and_names_the_job(idle, arguments, differs):
    job_id = idle.run("submit", "/same", "-j", "1", "--idempotency-key", "same").stdout.strip()
    done = idle.run("submit", *arguments, *header("same"))
    if differs is None:
        assert done.stdout.strip() == job_id, done.stderr
        return
    assert (done.returncode, done.stdout) == (2, "")
    assert only_line(done.stderr) == (
        f"pubsubctl: the idempotency key 'same' belongs to job {job_id}, "
        f"which has another request: {differs} is not the same"
    )


def test_eight_processes_that_submit_one_key_at_once_make_one_job(idle):
    before = sum(idle.store.counts().values())
    commands = [
        subprocess.Popen(
            idle.command("submit", "/raced", *header("raced")),
            cwd=idle.folder,
            env=idle.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(8)
    ]
    answers = [command.communicate(timeout=60) for command in commands]
    assert {command.returncode for command in commands} == {0}, answers
    assert len({out for out, _ in answers}) == 1, answers
    assert sum(idle.store.counts().values()) == before + 1
