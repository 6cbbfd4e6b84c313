"""The views of jobs: they fit, they tell the truth, whatever users have put into them."""

import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from pubsubctl.job import Job, JobState
from pubsubctl.render import batch as batches
from pubsubctl.render import drawing
from pubsubctl.render.bar import bar
from pubsubctl.render.batch import BatchView, content
from pubsubctl.render.drawing import drawn
from pubsubctl.render.job import JobView
from pubsubctl.render.overview import Overview, WorkerRow
from pubsubctl.render.plain import why

NOTHING = dict.fromkeys(JobState, 0)


def job(**given):
    return Job(**({"id": "0" * 28, "state": JobState.RUNNING, "method": "GET", "path": "/", "created_at": 0.0} | given))


def batch(**given):
    told = {"batch_id": "batch-0", "submitted": 4, "submitting": False, "counts": NOTHING, "elapsed_s": 1.0}
    told |= {"per_second": None, "running": (), "room": 0, "failures": (), "now": 1.0}
    return BatchView(**(told | given))


@given(path=st.text(), note=st.text(), error=st.text(), width=st.integers(20, 200), fraction=st.floats(0, 1))
def test_no_line_is_wider_than_the_terminal(path, note, error, width, fraction):
    running = job(path=path, progress_note=note, progress_fraction=fraction, started_at=0.0, worker="w")
    failed = job(state=JobState.FAILED, error=error, finished_at=1.0)
    worker = WorkerRow("w", "h", 1, path, "s", 1, 1, 0.0, 0.0, True, [running])
    views = [
        JobView(running, 1.0, (error,)),
        JobView(job(state=JobState.RETRYING, error=error, not_before=2.0), 1.0),
        batch(running=[running], room=3, failures=[failed], notices=(error,), per_second=3.0),
        Overview("embedded", path, True, path, note, error, NOTHING, [worker], [running, failed], 1.0),
    ]
    for view in views:
        lines = drawn(view.frame(width, 24), io.StringIO(), width)
        assert all(cell_len(line) <= width and line.isprintable() for line in lines), lines
        assert len(lines) <= 24


def test_markup_of_users_is_text():
    (head, _) = drawn(JobView(job(path="/[red]x[/red][link=y]"), 1.0).frame(80, 24), io.StringIO(), 80)
    assert "GET /[red]x[/red][link=y]" in head


@given(st.floats(0, 1), st.integers(1, 60))
def test_a_bar_is_full_only_when_all_is_done(fraction, width):
    drawn_bar = bar(fraction, width).plain
    assert len(drawn_bar) == width
    assert ("─" not in drawn_bar and "-" not in drawn_bar) == (fraction == 1.0)


@pytest.mark.parametrize(
    ("ended", "submitting", "done"), [(4, False, True), (3, False, False), (4, True, False), (0, False, False)]
)
def test_a_batch_is_done_when_all_have_ended(ended, submitting, done):
    view = batch(counts=NOTHING | {JobState.SUCCEEDED: ended}, submitting=submitting)
    assert view.done is done


def test_the_time_left_is_told_only_when_all_are_submitted():
    half = NOTHING | {JobState.SUCCEEDED: 2, JobState.QUEUED: 2}
    assert "ETA 2.0 s" in batch(counts=half, per_second=1.0).line()
    assert "ETA" not in batch(counts=half, per_second=1.0, submitting=True).line()
    assert "ETA" not in batch(counts=half).line()


def test_no_more_jobs_run_than_there_are_slots():
    counts = NOTHING | {JobState.RUNNING: 64, JobState.QUEUED: 2}
    worker = WorkerRow("w", "h", 1, "a", "s", 4, 4, 0.0, 0.0, True, [])
    gone = replace(worker, alive=False)
    seen = batch(counts=counts, slots=4)
    everything = Overview("embedded", "p", True, "t", "s", "st", counts, [worker, gone], [], 1.0)
    for view in (seen, everything):
        text = "\n".join(drawn(view.frame(80, 24), io.StringIO(), 80))
        assert "queued 62  running 4 " in text
    assert "backlog       62 jobs waiting" in text
    assert "62 queued, 4 running" in everything.line()
    assert content(seen)["counts"]["running"] == everything.document()["counts"]["running"] == 64


def test_what_a_worker_holds_beyond_what_it_runs_is_told():
    worker = WorkerRow("w", "h", 1, "a", "s", 4, 1, 0.0, 0.0, True, [], held=31)
    view = Overview("embedded", "p", True, "t", "s", "st", NOTHING, [worker], [], 1.0)
    assert "1 of 4 slots busy, 31 held" in "\n".join(drawn(view.frame(80, 24), io.StringIO(), 80))
    assert view.document()["workers"][0]["held"] == 31


@pytest.mark.parametrize("width", [80, 120])
def test_a_list_of_jobs_keeps_ids_and_states_however_long_the_rest_is(capsys, monkeypatch, width):
    monkeypatch.setattr(drawing, "is_terminal", lambda _: True)
    monkeypatch.setattr(drawing, "columns_and_rows", lambda _: (width, 24))
    monkeypatch.setenv("NO_COLOR", "1")
    failed = job(state=JobState.FAILED, path="/" + "long/" * 100, error="the reason " * 50, finished_at=1.0)
    batches.show(batch(submitted=1), [failed])
    (row,) = capsys.readouterr().out.splitlines()[1:]
    assert row.startswith(f"{failed.id}  failed  GET /long/")
    assert "  the reason " in row
    assert cell_len(row) <= width


def test_when_the_next_attempt_is_due_stands_first():
    view = JobView(job(state=JobState.RETRYING, error="the reason " * 50, not_before=13.0), 1.0)
    lines = drawn(view.frame(80, 24), io.StringIO(), 80)
    assert lines[-1].startswith("the next attempt is due in 12 s; the last one: the reason the reason")


@pytest.mark.parametrize("alive", [True, False])
def test_where_no_worker_lives_it_says_how_to_start_one(alive):
    worker = WorkerRow("w", "h", 1, "a", "s", 4, 0, 0.0, 0.0, alive, [])
    seen = Overview("embedded", "p", True, "t", "s", "st", NOTHING, [worker], [job()] * 20, 1.0)
    lines = drawn(seen.frame(80, 24), io.StringIO(), 80)
    assert ("no worker is running; start one with `pubsubctl worker start APP`" in lines) is not alive
    assert len(lines) <= 24


def test_lines_for_running_jobs_are_kept_so_that_nothing_jumps():
    failed = job(state=JobState.FAILED, error="the reason", finished_at=1.0)
    one, three = (
        drawn(batch(running=[job()] * count, room=3, failures=[failed]).frame(80, 24), io.StringIO(), 80)
        for count in (1, 3)
    )
    assert "the reason" in one[-1]
    assert len(one) == len(three)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"state": JobState.CANCELLED}, "it was cancelled"),
        ({"state": JobState.FAILED, "error": "the app answered 404"}, "the app answered 404"),
        ({"state": JobState.FAILED, "http_status": 404}, "status 404"),
        ({"state": JobState.FAILED, "reason": "crashed"}, "crashed"),
    ],
)
def test_why(given, reason):
    assert why(job(**given)) == reason
