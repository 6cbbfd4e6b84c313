"""``pubsubctl bench``: how fast the whole path is on this machine."""

from typing import Annotated

import typer

from pubsubctl.cli.app import new
from pubsubctl.cli.options import FormatOption
from pubsubctl.render import bench as render
from pubsubctl.render.output import Format, note

app = new()

NOOP = "pubsubctl.bench.noop:app"

_Jobs = Annotated[int, typer.Option(min=1, metavar="N", help="Jobs of the measurement of throughput.")]
_Singles = Annotated[int, typer.Option(min=1, metavar="N", help="Jobs of the measurement of latency.")]
_Processes = Annotated[int, typer.Option("--processes", "-p", min=0, metavar="N", help="Of the worker; 0: one a CPU.")]
_Prefetch = Annotated[int, typer.Option(min=0, metavar="N", help="Messages held beyond those that run.")]

_Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


@app.command(epilog="Example: pubsubctl bench --jobs 20000 --prefetch 1000")
def bench(
    *,
    jobs: _Jobs = 10_000,
    singles: _Singles = 200,
    processes: _Processes = 0,
    prefetch: _Prefetch = 1000,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
    debug: _Debug = False,  # noqa: ARG001 - entry reads --debug
) -> None:
    """Measure throughput and latency of jobs that do nothing.

    In a temporary project, with an embedded emulator, a worker and a Flask app of its own.
    """
    from pubsubctl.bench import measure
    from pubsubctl.exchange import Request
    from pubsubctl.sandbox import Sandbox
    from pubsubctl.submission import Submission

    submission = Submission(Request.of("GET", "/"))
    flags = ["--processes", str(processes), "--prefetch", str(prefetch)]
    note("starting an emulator and a worker in a temporary folder ...")
    with Sandbox(NOOP, flags=flags) as sandbox:
        measure.throughput(sandbox, submission, jobs=min(jobs, 1000))  # to warm up
        report = measure.Report(
            measure.throughput(sandbox, submission, jobs=jobs),
            measure.latency(sandbox, submission, jobs=singles),
            measure.bare(NOOP, submission.request),
        )
        slots = sandbox.client.store.workers()[0].slots
    render.show(report, slots=slots, prefetch=prefetch, form=format)
