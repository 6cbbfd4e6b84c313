"""Dead letters as people see them: nothing that lets somebody in, nothing that breaks a line, however many they are."""

import json

import pytest

from pubsubctl.exchange import Request
from pubsubctl.job import Job, JobState
from pubsubctl.render import deadletters
from pubsubctl.render.deadletters import Letter
from pubsubctl.render.output import Format

NOW = 1_800_000_000.0


def dead(number=0, **given):
    told = {"id": f"{number:028}", "state": JobState.FAILED, "method": "POST", "path": "/x", "created_at": NOW - 90}
    return Job(
        **(told | {"reason": "timeout", "error": "ran longer than 3 s", "attempt": 5, "finished_at": NOW} | given)
    )


def listed(capsys, jobs, form=Format.TEXT, cursor=None):
    deadletters.listed(iter(jobs), NOW, form, lambda: cursor)
    return capsys.readouterr()


def test_a_line_each_where_nothing_is_cut(capsys):
    long = "/" + "x" * 60
    out = listed(capsys, [dead(), dead(1, path=long, error="a\nb")]).out.splitlines()
    assert out[0].split() == [*f"{0:028} timeout 5 1 min 30 s POST /x ran longer than 3 s".split()]
    assert out[1].endswith(f"POST {long}  a b")


def test_none_is_said_beside_the_data(capsys):
    assert listed(capsys, []) == ("", "no dead letters\n")


def test_where_the_next_ones_begin(capsys):
    assert listed(capsys, [dead()], cursor="abc").err == "there are more:\n  --cursor abc\n"
    found = json.loads(listed(capsys, [dead(), dead(1)], Format.JSON, "abc").out)
    assert ([job["id"] for job in found["dead_letters"]], found["next_cursor"]) == ([f"{0:028}", f"{1:028}"], "abc")
    assert json.loads(listed(capsys, [], Format.JSON).out) == {"dead_letters": [], "next_cursor": None}
    assert json.loads(listed(capsys, [dead()], Format.JSONL).out)["reason"] == "timeout"


def test_a_table_of_millions_is_never_held(capsys):
    taken = 0

    def coming():
        nonlocal taken
        for taken in range(5):
            yield dead(taken)
            assert capsys.readouterr().out.count("\n") == 1, "each is written before the next is asked for"

    deadletters.listed(coming(), NOW, Format.JSONL, lambda: None)
    assert taken == 4


SECRETS = [
    ("authorization", "Bearer s3cret"),
    ("cookie", "session=s3cret"),
    ("header-authorization", "Bearer s3cret"),
    ("header-cookie.1", "s3cret"),
    ("proxy-authorization", "s3cret"),
    ("x-api-key", "s3cret"),
]


@pytest.mark.parametrize("form", list(Format))
def test_credentials_are_masked(capsys, form):
    request = Request("POST", "/x", (*SECRETS, ("accept", "text/plain")), b"body")
    deadletters.show(Letter(dead(), request, "", "again", NOW), form)
    out = capsys.readouterr().out
    assert "s3cret" not in out
    assert out.count("***") == len(SECRETS)
    assert "text/plain" in out


def test_one_in_full(capsys):
    request = Request("POST", "/x?a=1", (("content-type", "application/json"),), b'{"a":\n1}')
    deadletters.show(Letter(dead(), request, "starting\nTraceback", "pubsubctl dlq replay 7", NOW + 5), Format.TEXT)
    assert capsys.readouterr().out.splitlines() == [
        f"job {0:028} failed: timeout, 5 attempts, 5.0 s ago",
        "ran longer than 3 s",
        "",
        "POST /x?a=1",
        "content-type: application/json",
        "body: 8 bytes",
        '  {"a":',
        "  1}",
        "",
        "the last of its log:",
        "  starting",
        "  Traceback",
        "",
        "pubsubctl dlq replay 7",
    ]


@pytest.mark.parametrize("form", [Format.TEXT, Format.JSON])
def test_a_log_is_shown_without_what_lets_somebody_in(capsys, form):
    log = "Authorization: Bearer s3cret\nTraceback"
    deadletters.show(Letter(dead(), Request("GET", "/x", (), b""), log, "again", NOW), form)
    out = capsys.readouterr().out
    assert "s3cret" not in out
    assert "Traceback" in out


@pytest.mark.parametrize(
    ("body", "tells"),
    [
        (b"\xff\x00", "body: 2 bytes, binary"),
        (b"x" * 5000, "  ..."),
        (b"line\n" * 50, "  ..."),
        (b"\x1b[31mred", "  \ufffd[31mred"),
    ],
)
def test_a_body_is_shown_as_far_as_it_can_be(capsys, body, tells):
    deadletters.show(Letter(dead(), Request("POST", "/x", (), body), "", "again", NOW), Format.TEXT)
    out = capsys.readouterr().out
    assert tells in out.splitlines()
    assert len(out) < 3000
    assert "\x1b" not in out


def test_a_message_that_is_no_job_shows_its_attributes(capsys):
    job = dead(method="", path="", reason="malformed", error="no path")
    deadletters.show(Letter(job, Request("", "", (("colour", "red"),), b""), "", "why not", NOW), Format.TEXT)
    out = capsys.readouterr().out
    assert "a message that is no job, with these attributes:\ncolour: red\n" in out
