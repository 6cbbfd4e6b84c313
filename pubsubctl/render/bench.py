"""What a benchmark found, as text or JSON."""

from typing import TYPE_CHECKING

from pubsubctl.render.output import Format, document, line

if TYPE_CHECKING:
    from pubsubctl.bench.measure import Report


def show(report: "Report", *, slots: int, prefetch: int, form: Format) -> None:
    """Show a report on stdout.

    Args:
        report: what was measured.
        slots: how many jobs the worker ran at once.
        prefetch: how many messages it held beyond those.
        form: how to show it.
    """
    through, wait = report.throughput, report.latency
    if form is not Format.TEXT:
        document(
            {
                "slots": slots,
                "prefetch": prefetch,
                "throughput": {
                    "jobs": through.jobs,
                    "jobs_per_second": round(through.rate, 1),
                    "submitted_per_second": round(through.jobs / through.submitted_s, 1),
                    "parent_cpu_us_per_job": round(through.parent_us, 1),
                },
                "latency": {"jobs": wait.jobs, "p50_ms": wait.p50_ms, "p90_ms": wait.p90_ms, "p99_ms": wait.p99_ms},
                "bare_wsgi_calls_per_second": round(report.bare_rate, 1),
            },
            form,
        )
        return
    line(f"{through.jobs:,} jobs, from submit to stored result, {slots} slots, {prefetch:,} messages held beyond them")
    line(f"  throughput     {through.rate:,.0f} jobs/s (submitted at {through.jobs / through.submitted_s:,.0f}/s)")
    line(f"  worker parent  {through.parent_us:,.0f} µs of CPU a job")
    line(
        f"  one job        p50 {wait.p50_ms:.1f} ms, p90 {wait.p90_ms:.1f} ms, p99 {wait.p99_ms:.1f} ms, of {wait.jobs}"
    )
    line(f"  bare WSGI      {report.bare_rate:,.0f} calls/s of the same app in one process, without any of this")
