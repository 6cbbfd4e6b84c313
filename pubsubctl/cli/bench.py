"""``pubsubctl bench``: how fast pubsubctl is with an app, on a broker, and where the time goes."""

from typing import TYPE_CHECKING, Annotated

import typer

from pubsubctl.cli.app import new
from pubsubctl.cli.options import (
    DataOption,
    FormatOption,
    FormOption,
    HeadersOption,
    JsonOption,
    YesOption,
    with_settings,
)
from pubsubctl.render.output import Format

if TYPE_CHECKING:
    from pubsubctl.settings import Settings

app = new()

_Target = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[APP] [METHOD] PATH",
        show_default=False,
        help="APP as for `worker start`, METHOD and PATH as for `submit`; without any, an app that does nothing.",
    ),
]
_Jobs = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", show_default=False, help="Jobs at once; chosen by the first few unless given."),
]
_Singles = Annotated[
    int | None, typer.Option(min=1, metavar="N", show_default=False, help="Jobs one after another; up to 200.")
]
_MaxTime = Annotated[
    str | None,
    typer.Option(
        "--max-time", metavar="DURATION", show_default=False, help="Longest to measure; 60s unless --jobs is given."
    ),
]


@app.command(epilog="Example: pubsubctl bench app:app POST /predict --json '{\"x\": 1}' --processes 4")
@with_settings("processes", "threads", "prefetch", "job_timeout", "store", of_jobs=False)
def bench(
    settings: "Settings",
    *,
    target: _Target = None,
    json: JsonOption = None,
    data: DataOption = None,
    header: HeadersOption = None,
    form: FormOption = None,
    jobs: _Jobs = None,
    singles: _Singles = None,
    max_time: _MaxTime = None,
    yes: YesOption = False,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Measure how fast jobs of an app are on a broker, and where their time goes.

    Broker, topics, worker and store are its own, and gone in the end. With --broker gcloud, PUBSUB_EMULATOR_HOST or
    --broker cloud it is that broker, with topics of its own; with --store it is that store, and its jobs are deleted
    from it. A job that fails, is lost or runs twice ends it with exit code 1.

    Names that stay in --format json: throughput.jobs_per_second, latency.p50_ms, latency.stages_ms, cpu_us_per_job,
    app_alone, memory, verdict.
    """
    from pubsubctl.cli.benching import Wanted, run

    wanted = Wanted(target or (), json, data, header or (), form or (), jobs, singles, max_time)
    run(settings, wanted, yes=yes, form=format)
