"""The benchmark's parts that need no process: how many jobs it takes, what it makes of its times, what it counts."""

import pytest

from pubsubctl.bench.budget import MOST_JOBS, MOST_SINGLES, Asked, Budget
from pubsubctl.bench.counting import check_once
from pubsubctl.bench.runs import Run, Runs
from pubsubctl.bench.stages import Stages, between, typical
from pubsubctl.bench.verdict import Figures, judge
from pubsubctl.cli.benching import split
from pubsubctl.errors import PubsubctlError, UsageError, WaitTimeout
from pubsubctl.job import Job, JobState


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def measured(call_s: float, *, slots: int = 2, asked: Asked | None = None) -> tuple[int, int, int, float]:
    """Jobs to warm up, at once and one after another, and seconds of all, of an app whose calls take so long."""
    clock = Clock()
    budget = Budget(asked or Asked(), slots, clock)
    clock.now += 2 * call_s + budget.alone_s
    budget.check_call(call_s)
    warmed = rate = 0
    for few in budget.to_warm_up():
        clock.now += -(-few // slots) * call_s
        warmed, rate = warmed + few, slots / call_s
    jobs = budget.jobs(rate)
    clock.now += -(-jobs // slots) * call_s
    singles = 0
    for _ in budget.singles():
        clock.now += call_s
        singles += 1
    return warmed, jobs, singles, clock.now


@pytest.mark.parametrize("call_s", [0.0001, 0.003, 0.1, 0.7, 2.0, 6.0])
@pytest.mark.parametrize("slots", [1, 2, 32])
def test_it_ends_in_time_however_slow_the_app_is(call_s, slots):
    _, jobs, singles, took_s = measured(call_s, slots=slots)
    assert took_s <= 60
    assert jobs % slots == 0 or jobs == MOST_JOBS
    assert slots <= jobs <= MOST_JOBS
    assert 1 <= singles <= MOST_SINGLES


def test_a_fast_app_gets_all_the_jobs_that_are_ever_chosen():
    warmed, jobs, singles, _ = measured(0.0001)
    assert (jobs, singles) == (MOST_JOBS, MOST_SINGLES)
    assert warmed + jobs + singles <= Asked().most_messages


def test_jobs_that_are_named_are_as_many_as_that():
    warmed, jobs, singles, took_s = measured(2.0, asked=Asked(jobs=100, singles=7))
    assert (jobs, singles) == (100, 7)
    assert warmed == 2
    assert took_s > 60
    assert warmed + jobs + singles <= Asked(jobs=100, singles=7).most_messages


def test_an_app_that_is_too_slow_is_told_so_before_anything_starts():
    with pytest.raises(WaitTimeout, match=r"takes 20\.0 s, so 60 s are not enough .* --max-time, such as 5m"):
        measured(20.0)
    assert measured(20.0, asked=Asked(max_time_s=300))[3] <= 300


def test_time_that_is_over_ends_it_only_where_it_is_a_bound():
    clock = Clock()
    bound, free = Budget(Asked(), 1, clock), Budget(Asked(jobs=5), 1, clock)
    clock.now = 61
    with pytest.raises(WaitTimeout, match="60 s are over, and 3 jobs have not ended; allow more with --max-time"):
        bound.check("3 jobs have not ended")
    free.check("3 jobs have not ended")


def job(**more: object) -> Job:
    values = {"id": "j", "state": JobState.SUCCEEDED, "method": "GET", "path": "/", "created_at": 1.0, "attempt": 1}
    return Job(**(values | more))  # type: ignore[arg-type]


def test_the_stages_are_the_whole():
    ended = job(started_at=13.0, finished_at=20.0)
    stages = between((10.0, 11.0, 12.0), ended, Run("j", 14.0, 5.0), 22.0)
    assert stages == Stages(1.0, 1.0, 1.0, 1.0, 5.0, 1.0, 2.0)


def test_a_job_that_was_delivered_before_the_publish_was_answered_was_published_by_then():
    ended = job(started_at=11.5, finished_at=13.0)
    stages = between((10.0, 11.0, 12.0), ended, Run("j", 11.75, 1.0), 14.0)
    assert (stages.published, stages.delivered) == (0.5, 0.0)
    assert sum((stages.row_written, stages.published, stages.begun, stages.app, stages.recorded, stages.seen)) == 4.0


def test_the_typical_job_is_of_those_in_the_middle():
    assert typical([Stages(*[value] * 7) for value in (1.0, 9.0, 2.0, 4.0)]) == Stages(*[3.0] * 7)
    assert typical([Stages(*[2.0] * 7)]) == Stages(*[2.0] * 7)


def test_each_line_of_runs_is_read_once_and_none_is_lost(tmp_path):
    runs = Runs(tmp_path / "runs")
    assert runs.of(["a"]) == []
    (tmp_path / "runs").write_text("a 1.5 0.25\nb 2.0 1.0\n")
    assert runs.of(["a"]) == [Run("a", 1.5, 0.25)]
    with (tmp_path / "runs").open("a") as file:
        file.write("a 3.0 0.5\n")
    assert runs.of(["a", "c"]) == [Run("a", 1.5, 0.25), Run("a", 3.0, 0.5)]


@pytest.mark.parametrize(
    ("jobs", "ran", "says"),
    [
        ([job(), job(id="k")], ["j", "k", "k"], "1 of 2 jobs did not run exactly once: k; the first was run twice"),
        ([job()], [], "the first has not run"),
    ],
)
def test_a_job_that_did_not_run_exactly_once_is_named(jobs, ran, says):
    with pytest.raises(PubsubctlError, match=says):
        check_once(jobs, [Run(job_id, 1.0, 1.0) for job_id in ran])


def figures(**more: object) -> Figures:
    values = {"ended_s": 10.0, "submitted_s": 1.0, "app_s": 19.0, "cpu_s": 1.0, "parent_cpu_s": 0.5, "processes": 2}
    rest = {"threads": 1, "cpus": 2, "own_broker": True}
    return Figures(**(values | rest | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("more", "by", "advice"),
    [
        ({}, "app", "Next: --processes 4, or --threads 4 as it mostly waits."),
        ({"cpu_s": 10.0}, "app", "Next: --processes 4."),
        ({"cpu_s": 19.5}, "app", "Next: make the app itself use less CPU"),
        ({"cpu_s": None, "parent_cpu_s": None}, "app", "Next: --processes 4."),
        ({"app_s": 2.0, "cpu_s": 19.5}, "pubsubctl", "Client, broker and worker share them here. Next:"),
        ({"app_s": 2.0, "cpu_s": 19.5, "own_broker": False}, "pubsubctl", "Client and worker share them. Next:"),
        ({"app_s": 2.0, "parent_cpu_s": 9.5}, "pubsubctl", "Next: a second worker on the subscription."),
        ({"app_s": 2.0, "submitted_s": 9.5}, "pubsubctl", "Next: several clients that submit."),
        ({"app_s": 2.0}, "pubsubctl", "It waited for the broker and the store. Next:"),
    ],
)
def test_the_verdict_says_what_limits_and_what_to_try(more, by, advice):
    verdict = judge(figures(**more))
    assert verdict.limited_by == by
    assert advice in verdict.sentence


def test_a_run_that_is_too_short_says_nothing_of_cpus():
    verdict = judge(figures(ended_s=0.1, app_s=0.19, cpu_s=0.2))
    assert (verdict.cpus_busy, verdict.parent_busy) == (None, None)
    assert verdict.in_app == pytest.approx(0.95)


@pytest.mark.parametrize(
    ("words", "app", "request_words"),
    [
        ([], None, []),
        (["/x"], None, ["/x"]),
        (["post", "/x"], None, ["post", "/x"]),
        (["app:app", "/x"], "app:app", ["/x"]),
        (["/srv/app.py", "/x"], "/srv/app.py", ["/x"]),
        (["app:app", "PUT", "/x"], "app:app", ["PUT", "/x"]),
    ],
)
def test_app_method_and_path_are_told_apart(words, app, request_words):
    assert split(words) == (app, request_words)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["app:app"], "name a path too, such as `pubsubctl bench app:app POST /predict`"),
        (["app:app", "/x", "POST"], "`pubsubctl bench app:app POST /x`"),
        (["a", "GET", "/x", "/y"], "one APP, one METHOD and one PATH"),
    ],
)
def test_words_that_make_no_sense_are_refused(words, says):
    with pytest.raises(UsageError, match=says):
        split(words)
