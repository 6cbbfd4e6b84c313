"""The figures of the race, and the table of them."""

from figures import Figure, Results, number

RATE = Figure("rate", "jobs, from first submit to last result read", "jobs/s")
P50 = Figure("p50", "one job after another, submit to result read, p50", "ms", less_is_better=True, digits=1)

FIGURES = (
    RATE,
    P50,
    Figure("p90", "the same, p90", "ms", less_is_better=True, digits=1),
    Figure("p99", "the same, p99", "ms", less_is_better=True, digits=1),
    Figure("cpu-workers", "CPU of all processes of the workers, a job", "us", less_is_better=True),
    Figure("cpu-parent", "CPU of the worker's parent alone, a job", "us", less_is_better=True),
    Figure("cpu-server", "CPU of the broker or Redis, a job", "us", less_is_better=True),
    Figure("cpu-client", "CPU of the client, a job", "us", less_is_better=True),
    Figure("rss", "peak RSS of all processes of the workers", "MiB", less_is_better=True),
    Figure("pss", "the same, pages that they share counted once", "MiB", less_is_better=True),
)
BARE = "bare"

_COLUMNS = ("median", "jobs/s", "ours", "p50 ms", "p90", "p99", "ours", "workers", "parent", "server", "client")
_LEGEND = "ours: how many times faster pubsubctl is than this one, as the median of the rounds' ratios"
_WIDTHS = (9, 8, 10, 7, 7, 8, 11, 8, 8, 8, 10, 7)


def table(results: Results) -> str:
    """A line for each contestant, and how many times faster ours is; then the application alone, and the notes."""
    lines = [_line("", "", "many jobs", "", "", "", "one at a time", "", "", "", "CPU of a job, us", "", "MiB, peak")]
    lines += [_line(*_COLUMNS, "RSS", "PSS")]
    lines += [_row(name, results) for name in results.values if name != BARE]
    bare = results.median(BARE, RATE)
    if bare is not None:
        lines.append(_line("the bare Flask app", number(bare, 0)))
    return "\n".join([*lines, "", _LEGEND, *results.notes])


def _row(name: str, results: Results) -> str:
    cells = {figure.name: number(results.median(name, figure), figure.digits) for figure in FIGURES}
    times = [_times(name, figure, results) for figure in (RATE, P50)]
    rest = [cells[figure.name] for figure in FIGURES[4:]]
    return _line(name, cells["rate"], times[0], cells["p50"], cells["p90"], cells["p99"], times[1], *rest)


def _times(name: str, figure: Figure, results: Results) -> str:
    ratio = None if name == results.ours else results.ratio(name, figure)
    return "" if ratio is None else f"{ratio:.2f}x"


def _line(name: str, *cells: str) -> str:
    return f"{name:<25}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, _WIDTHS, strict=False))
