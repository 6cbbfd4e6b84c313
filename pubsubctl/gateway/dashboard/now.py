"""What there is now, at a glance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from flask import Blueprint, render_template

from pubsubctl.atwork import AtWork
from pubsubctl.broker.connection import answers, locate
from pubsubctl.errors import PubsubctlError
from pubsubctl.gateway.dashboard import charts
from pubsubctl.gateway.dashboard.asked import dead_letters
from pubsubctl.gateway.dashboard.board import Board, Kept
from pubsubctl.gateway.dashboard.percentiles import Spread, shares, spread
from pubsubctl.job import Job, JobState
from pubsubctl.liveness import alive
from pubsubctl.render.figures import seconds
from pubsubctl.store.answers import Activity
from pubsubctl.store.claims import WorkerInfo

_RUNNING = 200
_WORKERS = 100
_LATEST = 10
_DEAD_LETTERS = 1000
"""Where counting them ends: it must not take long."""
_STORE_FOR_S, _DEAD_FOR_S, _ACTIVITY_FOR_S, _BROKER_FOR_S = 1.0, 5.0, 10.0, 3.0
_ANSWER_S = 0.5
_SHARE_OF_S = 300.0
"""What one share of failures is about: in a minute there may be too few jobs."""
_MINUTE_S = 60.0


@dataclass(frozen=True)
class Worker:
    """A worker, and some of the jobs that it runs."""

    info: WorkerInfo
    alive: bool
    busy: int
    running: Sequence[Job]


@dataclass(frozen=True)
class Seen:
    """What the store tells.

    Attributes:
        held: jobs that a worker has, and has no slot for yet.
        backlog: jobs that wait to be run, those among them.
        pending: jobs of the topic that have not ended and may run now.
        workers: some of them, those that live first.
        more_workers: how many others there are.
    """

    now: float
    counts: Mapping[JobState, int]
    held: int
    backlog: int
    pending: int
    workers: Sequence[Worker]
    more_workers: int
    latest: Sequence[Job]


@dataclass(frozen=True)
class Place:
    """The broker: what kind, where, and whether it answers."""

    kind: str
    address: str
    answers: bool


@dataclass(frozen=True)
class Hour:
    """The last hour: when each step begins, and what ended in it; and how long the latest jobs took."""

    steps: Sequence[str]
    step_s: float
    series: Sequence[charts.Series]
    ended: int
    failed: int
    until: str
    share_steps: Sequence[str]
    shares: Sequence[float | None]
    queue: Spread
    run: Spread

    @property
    def per_minute(self) -> float:
        """Jobs that ended in a minute."""
        return self.ended / max(1.0, len(self.steps) * self.step_s / _MINUTE_S)

    @property
    def rows(self) -> list[tuple[str, list[int]]]:
        """What ended in each step, by its time."""
        return [(step, [one.values[number] for one in self.series]) for number, step in enumerate(self.steps)]

    @property
    def share_rows(self) -> list[tuple[str, float | None]]:
        """The share that failed, by its time."""
        return list(zip(self.share_steps, self.shares, strict=True))


class Sights:
    """All that the page shows, each kept for a moment."""

    def __init__(self, board: Board) -> None:
        self.store = Kept(partial(_look, board), _STORE_FOR_S)
        self.dead = Kept(partial(_dead_letters, board), _DEAD_FOR_S)
        self.hour = Kept(partial(_hour, board), _ACTIVITY_FOR_S)
        self.broker = Kept(partial(_broker, board), _BROKER_FOR_S)


def add_to(blueprint: Blueprint, board: Board) -> None:
    """Add the page."""
    blueprint.add_url_rule("/", "now", partial(_now, board, Sights(board)))


def _now(board: Board, sights: Sights) -> str:
    seen = sights.store.get()
    away = isinstance(seen, PubsubctlError)
    hour = seen if isinstance(seen, PubsubctlError) else sights.hour.get()
    dead = "" if away else sights.dead.get()
    return render_template(
        "dashboard/now.html",
        seen=None if away else seen,
        dead="not known" if isinstance(dead, PubsubctlError) else dead,
        store_trouble=str(seen) if away else "",
        hour_trouble=str(hour) if isinstance(hour, PubsubctlError) else "",
        store_name=board.settings.store_name,
        topic=board.settings.topic_path,
        **_broker_shown(sights.broker.get()),
        **(_drawn(hour) if isinstance(hour, Hour) else {}),
    )


def _look(board: Board) -> Seen:
    store, settings = board.store, board.settings
    now, counts = store.now(), store.counts()
    running = store.find(states=[JobState.RUNNING], limit=_RUNNING).jobs if counts[JobState.RUNNING] else []
    infos = store.workers()
    at_work = AtWork(running, all_known=counts[JobState.RUNNING] <= len(running))
    living = {worker.id for worker in infos if alive(worker, now, settings.lease)}
    shown = sorted(infos, key=lambda worker: worker.id not in living)[:_WORKERS]
    workers = [Worker(worker, worker.id in living, *at_work.of(worker, alive=worker.id in living)) for worker in shown]
    held = at_work.begun_by_none([one for one in infos if one.id in living], counts[JobState.RUNNING])
    return Seen(
        now=now,
        counts=counts,
        held=held,
        backlog=counts[JobState.QUEUED] + counts[JobState.RETRYING] + held,
        pending=store.pending(settings.topic_path, within_s=0.0),
        workers=workers,
        more_workers=len(infos) - len(workers),
        latest=store.find(limit=_LATEST).jobs,
    )


def _dead_letters(board: Board) -> str:
    """How many there are, counted no further than ``_DEAD_LETTERS``."""
    found = board.store.find(states=[JobState.FAILED], reasons=dead_letters(), limit=_DEAD_LETTERS)
    return f"{len(found.jobs):,}" + ("+" if found.next_cursor is not None else "")


def _hour(board: Board) -> Hour:
    return hour_of(board.store.activity())


def hour_of(activity: Activity) -> Hour:
    """What the store knows of an hour, as it is drawn."""
    succeeded, failed, cancelled = activity.succeeded, activity.failed, activity.cancelled
    ended = [sum(values) for values in zip(succeeded, failed, cancelled, strict=True)]
    together = max(1, round(_SHARE_OF_S / activity.step_s))
    steps = [_clock(activity.begins_at + number * activity.step_s) for number in range(len(ended))]
    return Hour(
        steps=steps,
        step_s=activity.step_s,
        series=[
            charts.Series("succeeded", "succeeded", "plain", succeeded),
            charts.Series("failed", "failed", "hatched", failed),
            charts.Series("cancelled", "cancelled", "dotted", cancelled),
        ],
        ended=sum(ended),
        failed=sum(failed),
        share_steps=steps[::together],
        until=_clock(activity.begins_at + len(ended) * activity.step_s),
        shares=shares(failed, ended, together),
        queue=spread(activity.queue_times_s),
        run=spread(activity.run_times_s),
    )


def _drawn(hour: Hour) -> dict[str, Any]:
    rows = [charts.Row("queue", hour.queue.values), charts.Row("run", hour.run.values)]
    unit = "jobs a minute" if hour.step_s == _MINUTE_S else f"jobs in {seconds(hour.step_s)}"
    share = "Share of the jobs ended that failed, over the last hour"
    times, timed = charts.Times(hour.steps, hour.until), hour.run.count or hour.queue.count
    return {
        "hour": hour,
        "throughput": charts.stacked("ended", "Jobs that ended over the last hour", times, hour.series, unit),
        "throughput_legend": charts.legend(hour.series, "ended"),
        "failures": charts.line(share, charts.Times(hour.share_steps, hour.until), hour.shares, "failed"),
        "times": charts.ranges("Queue time and run time of the latest jobs", rows) if timed else "",
        "times_legend": charts.point_legend(["p50", "p90", "p99"]),
        "exact": charts.exact,
    }


def _broker(board: Board) -> Place:
    address = locate(board.settings)
    return Place(address.kind, address.place, answers(address, timeout_s=_ANSWER_S))


def _broker_shown(found: Place | PubsubctlError) -> dict[str, Any]:
    if isinstance(found, PubsubctlError):
        return {"broker": None, "broker_trouble": str(found)}
    return {"broker": found, "broker_trouble": "" if found.answers else f"nothing answers at {found.address}"}


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M")
