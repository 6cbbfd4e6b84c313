"""The benchmark from its beginning to its end."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pubsubctl import names
from pubsubctl.bench import usage, verdict, watched
from pubsubctl.bench.budget import Asked, Budget
from pubsubctl.bench.calling import Alone, alone
from pubsubctl.bench.measure import Measurement, cpus
from pubsubctl.bench.report import Report, Subject, Throughput
from pubsubctl.bench.runs import Runs
from pubsubctl.broker.connection import Connection
from pubsubctl.sandbox import Sandbox
from pubsubctl.settings import Settings
from pubsubctl.submission import Submission

NOOP = "pubsubctl.bench.noop:app"

# A failure ends the measurement: a second attempt would only hide it. And nothing of a drain is worth waiting for.
_FLAGS = ("--max-attempts", "1", "--retry-on", "none", "--drain-timeout", "1")
_STOP_S = 10.0
_START_S, _START_FACTOR = 30.0, 10.0
_PATIENCE_S, _PATIENCE_FACTOR = 20.0, 10.0


@dataclass(frozen=True)
class Plan:
    """What to measure.

    Attributes:
        app: the application, as ``worker start`` takes it.
        submission: the request.
        asked: how many jobs, and how long it may take.
        settings: of broker and worker.
        store: where the jobs live; a temporary one unless named.
        home: where the application is loaded from.
    """

    app: str
    submission: Submission
    asked: Asked
    settings: Settings
    store: str | None
    home: Path


def run(plan: Plan, tell: Callable[[str], None]) -> Report:
    """Measure.

    Args:
        plan: what.
        tell: is told what happens, in lines for people.

    Raises:
        ApplicationError: the application cannot be loaded, or the worker has ended.
        BrokerUnreachable: no broker.
        PubsubctlError: a job failed, was lost, or ran twice.
        WaitTimeout: the time was not enough.
    """
    _check_broker(plan.settings)
    budget = Budget(plan.asked, plan.settings.slots)
    request = plan.submission.request
    tell(f"calling the app alone: {request.method} {request.path} ...")
    by_itself = alone(plan.app, request, seconds=budget.alone_s, limit_s=budget.left_s() if budget.is_bound else None)
    budget.check_call(by_itself.p50_s)
    with _sandbox(plan, by_itself, tell) as sandbox:
        return _measured(plan, sandbox, budget, by_itself, tell)


def _check_broker(settings: Settings) -> None:
    """Before anything takes its time."""
    if settings.broker == "cloud" or settings.emulator_host:
        with Connection(settings) as connection:
            connection.check()


def _sandbox(plan: Plan, by_itself: Alone, tell: Callable[[str], None]) -> Sandbox:
    tell("starting a worker, with topics and a store of its own ...")
    return Sandbox(
        "pubsubctl.bench.watched:app",
        flags=_FLAGS,
        settings=plan.settings,
        store=plan.store,
        home=plan.home,
        start_s=_START_S + _START_FACTOR * by_itself.loaded_s,
        stop_s=_STOP_S,
        environment={watched.APP: plan.app},
        tell=tell,
    )


def _measured(plan: Plan, sandbox: Sandbox, budget: Budget, by_itself: Alone, tell: Callable[[str], None]) -> Report:
    patience_s = _PATIENCE_S + _PATIENCE_FACTOR * max(by_itself.first_s, by_itself.p50_s)
    measurement = Measurement(
        sandbox, plan.submission, Runs(sandbox.folder / watched.RUNS), patience_s=patience_s, budget=budget
    )
    rate = 0.0
    for few in budget.to_warm_up():
        rate = measurement.throughput(few).rate
    jobs = budget.jobs(rate)
    chosen = "" if plan.asked.jobs else " (chosen by the first few; --jobs says otherwise)"
    tell(f"measuring {jobs:,} jobs{chosen}, then one after another ...")
    through = measurement.throughput(jobs)
    latency = measurement.latency(budget.singles())
    measurement.check()
    return Report(
        subject=_subject(plan, sandbox),
        chosen=plan.asked.jobs is None,
        alone=by_itself,
        throughput=through,
        latency=latency,
        memory=usage.memory(sandbox.worker.pid),
        verdict=_judged(through, sandbox),
    )


def _subject(plan: Plan, sandbox: Sandbox) -> Subject:
    request, settings = plan.submission.request, sandbox.settings
    address = sandbox.client.connection.address
    return Subject(
        app=plan.app,
        request=f"{request.method} {request.path}",
        broker=address.kind,
        address=address.place,
        own_broker=sandbox.emulator_pid is not None,
        store=names.shown_url(plan.store) if plan.store else "sqlite (temporary)",
        processes=settings.process_count,
        threads=settings.threads,
        prefetch=settings.prefetch,
        cpus=cpus(),
    )


def _judged(through: Throughput, sandbox: Sandbox) -> verdict.Verdict:
    settings = sandbox.settings
    return verdict.judge(
        verdict.Figures(
            ended_s=through.ended_s,
            submitted_s=through.submitted_s,
            app_s=through.app_s,
            cpu_s=through.cpu.total,
            parent_cpu_s=through.cpu.parent,
            processes=settings.process_count,
            threads=settings.threads,
            cpus=cpus(),
            own_broker=sandbox.emulator_pid is not None,
        )
    )
