"""What a benchmark found, as text or JSON.

The JSON has these fields, whose names are stable; ``null`` is what is not known, as on systems without ``/proc``::

    app request store processes threads slots prefetch (null: it adapts) cpus
    broker{kind address own}
    throughput{jobs chosen seconds jobs_per_second submitted_per_second}
    latency{jobs p50_ms p90_ms p99_ms stages_ms{row_written published delivered begun app recorded seen}}
    cpu_us_per_job{client broker worker_parent app_processes}
    app_alone{calls calls_per_second first_ms p50_ms}
    memory{worker_parent_peak_bytes app_process_peak_bytes app_processes}
    verdict{limited_by ("app" or "pubsubctl") slots_in_app cpus_busy worker_parent_busy sentence}
"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pubsubctl.render.figures import plural, rate, size
from pubsubctl.render.output import Format, document, line

if TYPE_CHECKING:
    from pubsubctl.bench.report import Report

_STAGES = {
    "row_written": "row written",
    "published": "published",
    "delivered": "delivered and claimed",
    "begun": "given to a process",
    "app": "in the app",
    "recorded": "taken back, recorded",
    "seen": "committed, and seen",
}
_WIDTH = 14


def show(report: "Report", form: Format) -> None:
    """Show a report on stdout."""
    if form is not Format.TEXT:
        document(content(report), form)
        return
    for name, told in lines(report):
        line(f"{name:<{_WIDTH}} {told}".rstrip())
    line()
    line(f"{report.verdict.sentence[0].upper()}{report.verdict.sentence[1:]}")


def content(report: "Report") -> dict[str, Any]:
    """As JSON shows it; see the module. Pure."""
    subject, through, latency, verdict = report.subject, report.throughput, report.latency, report.verdict
    return {
        "app": subject.app,
        "request": subject.request,
        "broker": {"kind": subject.broker, "address": subject.address, "own": subject.own_broker},
        "store": subject.store,
        "processes": subject.processes,
        "threads": subject.threads,
        "slots": subject.slots,
        "prefetch": subject.prefetch,
        "cpus": subject.cpus,
        "throughput": {
            "jobs": through.jobs,
            "chosen": report.chosen,
            "seconds": round(through.ended_s, 3),
            "jobs_per_second": round(through.rate, 2),
            "submitted_per_second": round(through.jobs / through.submitted_s, 1),
        },
        "latency": {
            "jobs": latency.jobs,
            "p50_ms": round(latency.p50_ms, 3),
            "p90_ms": round(latency.p90_ms, 3),
            "p99_ms": round(latency.p99_ms, 3),
            "stages_ms": {name: round(value * 1e3, 3) for name, value in asdict(latency.stages).items()},
        },
        "cpu_us_per_job": {name: _rounded(value, 1) for name, value in _cpu_us(report).items()},
        "app_alone": {
            "calls": report.alone.calls,
            "calls_per_second": round(report.alone.rate, 2),
            "first_ms": round(report.alone.first_s * 1e3, 3),
            "p50_ms": round(report.alone.p50_s * 1e3, 3),
        },
        "memory": {
            "worker_parent_peak_bytes": report.memory.parent if report.memory else None,
            "app_process_peak_bytes": report.memory.largest_child if report.memory else None,
            "app_processes": report.memory.children if report.memory else None,
        },
        "verdict": {
            "limited_by": verdict.limited_by,
            "slots_in_app": round(verdict.in_app, 3),
            "cpus_busy": _rounded(verdict.cpus_busy, 3),
            "worker_parent_busy": _rounded(verdict.parent_busy, 3),
            "sentence": verdict.sentence,
        },
    }


def lines(report: "Report") -> Iterator[tuple[str, str]]:
    """As text shows it, each line with its name. Pure."""
    subject, through, latency = report.subject, report.throughput, report.latency
    yield "app", f"{subject.app}, {subject.request}"
    own = ", its own" if subject.own_broker else ""
    yield "broker, store", f"{subject.broker} at {subject.address}{own}; {subject.store}"
    yield "worker", _worker(report)
    chosen = ", chosen by the first few" if report.chosen else ""
    submitted = rate(through.jobs / through.submitted_s)
    yield "throughput", f"{rate(through.rate)} ({plural(through.jobs, 'job')}{chosen}; submitted at {submitted})"
    p50, p90, p99 = map(_ms, (latency.p50_ms, latency.p90_ms, latency.p99_ms))
    yield "one job", f"p50 {p50}, p90 {p90}, p99 {p99}, from submit to result (of {latency.jobs:,}); of that:"
    for name, value in asdict(latency.stages).items():
        yield "", f"{_STAGES[name]:<22}{_ms(value * 1e3):>10}"
    used = (f"{name.replace('_', ' ')} {value:,.0f} µs" for name, value in _cpu_us(report).items() if value is not None)
    yield "CPU a job", ", ".join(used)
    alone = report.alone
    yield "app alone", f"{rate(alone.rate)} in one process (first call {_ms(alone.first_s * 1e3)})"
    if (memory := report.memory) is not None:
        each = f"{plural(memory.children, 'app process', 'app processes')} up to {size(memory.largest_child)}"
        yield "memory, peak", f"worker parent {size(memory.parent)}, {each}"


def _worker(report: "Report") -> str:
    subject = report.subject
    held = "prefetch adapts" if subject.prefetch is None else f"{subject.prefetch:,} prefetched"
    made = f"{plural(subject.processes, 'process', 'processes')} by {plural(subject.threads, 'thread')}"
    return f"{made}, {held}; {plural(subject.cpus, 'CPU')}"


def _cpu_us(report: "Report") -> dict[str, float | None]:
    cpu, jobs = report.throughput.cpu, report.throughput.jobs
    found = {"client": cpu.client, "broker": cpu.broker, "worker_parent": cpu.parent, "app_processes": cpu.children}
    return {name: None if seconds is None else seconds / jobs * 1e6 for name, seconds in found.items()}


def _ms(value: float) -> str:
    return f"{value:,.2f} ms" if value < 10 else f"{value:,.0f} ms"  # noqa: PLR2004 - three digits, about


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
