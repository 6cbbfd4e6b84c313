"""A job's story as people read it: it fits a terminal, it tells everything, whatever its app has printed."""

import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from pubsubctl.job import Job, JobState
from pubsubctl.render import drawing, timeline
from pubsubctl.render.output import Format
from pubsubctl.render.story import Entry
from pubsubctl.render.timeline import Timeline

BEGAN = 1_800_000_000.0
W = "box-42-ab12"


def job(**given):
    told = {"id": "0" * 28, "state": JobState.FAILED, "method": "GET", "path": "/", "created_at": BEGAN}
    return Job(**(told | {"reason": "exhausted", "error": "2 attempts failed", "finished_at": BEGAN + 60} | given))


STORY = [
    Entry(BEGAN, "submitted"),
    Entry(BEGAN + 0.01, "published", message_id="7"),
    Entry(BEGAN + 0.02, "began", 1, W, "7"),
    Entry(BEGAN + 1.0, "refused", 1, "other", "7", "busy"),
    Entry(BEGAN + 3.02, "ended", 1, W, "7", "failed (timeout): ran longer than 3 s; again in 1.0 s", "one\ntwo"),
    Entry(BEGAN + 4.5, "published", 1, message_id="8"),
    Entry(BEGAN + 4.6, "began", 2, W, "8"),
    Entry(BEGAN + 70.0, "lost", 2, W, "8", "no sign of life"),
    Entry(BEGAN + 71.0, "late", 2, W, "8", "done", "three"),
    Entry(BEGAN + 72.0, "released", 3, W, "9"),
    Entry(BEGAN + 73.0, "cancelled", 3, text="while it ran"),
    Entry(BEGAN + 74.0, "retried", 3),
    Entry(BEGAN + 75.0, "returned", 3, message_id="9", text="100 deliveries"),
    Entry(BEGAN + 76.0, "mirrored", 3),
]


def shown(capsys, entries=STORY, *, outlook=(), logs=None, **given) -> str:
    timeline.show(Timeline(job(**given), entries, outlook), Format.TEXT, logs=logs)
    return capsys.readouterr().out


def test_every_kind_is_told_with_its_time_and_offset(capsys):
    lines = [line.rstrip() for line in shown(capsys).splitlines()]
    assert lines[0] == f"job {'0' * 28} failed: 2 attempts failed"
    assert [line for line in lines[2:] if line] == [
        "2027-01-15            UTC",
        "08:00:00.000       +0.0 s  submitted",
        "08:00:00.010       +0.0 s  published (message 7)",
        "08:00:00.020       +0.0 s  attempt 1 began on box-42-ab12 (message 7)",
        "08:00:01.000       +1.0 s  delivery refused on other (message 7): busy",
        "08:00:03.020       +3.0 s  attempt 1 ended after 3.0 s: failed (timeout): ran longer than 3 s; again in 1.0 s",
        "08:00:04.500       +4.5 s  published (message 8)",
        "08:00:04.600       +4.6 s  attempt 2 began on box-42-ab12 (message 8)",
        "08:01:10.000  +1 min 10 s  attempt 2 was lost after 1 min 05 s on box-42-ab12: no sign of life",
        "08:01:11.000  +1 min 11 s  a result of attempt 2 came too late and was dropped on box-42-ab12: done",
        "  | three",
        "08:01:12.000  +1 min 12 s  attempt 3 was given back on box-42-ab12",
        "08:01:13.000  +1 min 13 s  cancelled by hand, while it ran",
        "08:01:14.000  +1 min 14 s  queued again by hand",
        "08:01:15.000  +1 min 15 s  given up by the broker (message 9): 100 deliveries",
        "08:01:16.000  +1 min 16 s  dead letter mirrored",
    ]


def test_what_is_no_job_has_no_request_and_no_attempt(capsys):
    entries = [Entry(BEGAN, "ended", 0, text="failed (malformed): no path")]
    lines = shown(capsys, entries, method="", path="").splitlines()
    assert (lines[1], lines[2].split()) == ("", ["2027-01-15", "UTC"])
    assert lines[-1].endswith("+0.0 s  ended without an attempt: failed (malformed): no path")


def test_the_day_is_told_whenever_it_changes(capsys):
    text = shown(capsys, [Entry(BEGAN, "submitted"), Entry(BEGAN + 86400, "retried")])
    assert re.findall(r"^(\S+) +UTC$", text, re.MULTILINE) == ["2027-01-15", "2027-01-16"]


def test_logs_are_the_end_of_the_last_one_or_all_or_none(capsys):
    entries = [
        Entry(BEGAN, "ended", 1, log="first"),
        Entry(BEGAN, "ended", 2, log="\n".join(f"line {number}" for number in range(50))),
        Entry(BEGAN, "mirrored", 2),
    ]
    last = shown(capsys, entries)
    assert "first" not in last
    assert "... 30 lines before; --logs shows them" in last
    assert ("| line 29" in last, "| line 30" in last, "| line 49" in last) == (False, True, True)
    whole = shown(capsys, entries, logs=True)
    assert "| first" in whole
    assert "| line 0" in whole
    assert "..." not in whole
    assert "|" not in shown(capsys, entries, logs=False)


@pytest.mark.parametrize("form", [Format.TEXT, Format.JSON])
def test_a_log_is_shown_without_what_lets_somebody_in(capsys, form):
    log = "{'Authorization': 'Bearer LET-ME-IN', 'Accept': 'a/b'}\nCookie: sid=LET-ME-IN\nhello"
    timeline.show(Timeline(job(), [Entry(BEGAN, "ended", 1, log=log)]), form, logs=True)
    out = capsys.readouterr().out
    assert "LET-ME-IN" not in out
    assert out.count("[redacted]") == 2
    assert "a/b" in out
    assert "hello" in out


def test_a_long_line_of_a_log_is_cut_unless_all_is_asked_for(capsys):
    entries = [Entry(BEGAN, "ended", 1, log="x" * 5_000 + "\nnext")]
    short = shown(capsys, entries)
    assert "| " + "x" * 400 + "... (4,600 more characters; --logs shows them)\n" in short
    assert "| next" in short
    assert "x" * 5_000 + "\n" in shown(capsys, entries, logs=True)


def test_a_log_has_the_whole_width_and_the_times_stay_in_line():
    log = "Traceback (most recent call last):\n" + "y" * 70
    entries = [Entry(BEGAN, "submitted"), Entry(BEGAN + 5, "ended", 1, log=log), Entry(BEGAN + 90, "mirrored", 1)]
    lines = drawing.drawn(timeline.whole(Timeline(job(), entries)), io.StringIO(), 80)
    assert "  | " + "y" * 70 in lines
    told = [line for line in lines if "submitted" in line or "attempt 1 ended" in line or "mirrored" in line]
    assert len({line.index(word) for line, word in zip(told, ("submitted", "attempt", "dead"), strict=True)}) == 1


def test_a_cancelled_job_is_not_said_to_be_so_twice(capsys):
    assert shown(capsys, state=JobState.CANCELLED, error=None).splitlines()[0] == f"job {'0' * 28} cancelled"


def test_what_the_job_waits_for_comes_last(capsys):
    text = shown(capsys, state=JobState.RETRYING, finished_at=None, outlook=("attempt 2 is due in 12 s", "no worker"))
    assert text.endswith("\n\nattempt 2 is due in 12 s\nno worker\n")


def test_terms_of_the_submit_are_told(capsys):
    terms = {"max_attempts": 7, "failures": 2, "timeout_s": 90.0, "ordering_key": "o", "idempotency_key": "k"}
    text = shown(capsys, **terms)
    assert "2 of 7 failures, timeout 1 min 30 s, ordering key 'o', idempotency key 'k'" in text


@given(
    text=st.text(),
    log=st.text(),
    path=st.text(),
    width=st.integers(40, 120),
)
def test_no_line_is_wider_than_the_terminal_and_nothing_acts_on_it(text, log, path, width):
    story = Timeline(job(path=path, error=text), [Entry(BEGAN, "ended", 1, W, "7", text, log)], (text,))
    lines = drawing.drawn(timeline.whole(story, logs=True), io.StringIO(), width)
    assert all(cell_len(line) <= width and line.isprintable() for line in lines), lines


def test_at_80_columns_long_texts_go_on_below_themselves(capsys):
    story = Timeline(job(), [Entry(BEGAN, "ended", 1, W, "7", "word " * 30)])
    lines = drawing.drawn(timeline.whole(story), io.StringIO(), 80)
    (first,) = [number for number, line in enumerate(lines) if "attempt 1 ended" in line]
    begins = lines[first].index("attempt")
    assert lines[first + 1][:begins].strip() == ""
    assert lines[first + 1][begins:].startswith("word")


def test_json_has_every_time_as_rfc_3339_and_as_an_offset(capsys):
    timeline.show(Timeline(job(), STORY, ()), Format.JSON)
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"job", "events", "waits_for"}
    assert found["events"][4] == {
        "at": "2027-01-15T08:00:03.020Z",
        "offset_s": 3.02,
        "kind": "ended",
        "attempt": 1,
        "worker": W,
        "message_id": "7",
        "text": "failed (timeout): ran longer than 3 s; again in 1.0 s",
        "log": "one\ntwo",
    }


@pytest.mark.parametrize("form", [Format.JSON, Format.JSONL])
def test_jsonl_is_one_line(capsys, form):
    timeline.show(Timeline(job(), STORY, ()), form)
    assert (capsys.readouterr().out.count("\n") == 1) is (form is Format.JSONL)
