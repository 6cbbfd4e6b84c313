"""The figures of the race, and the table of them."""

from figures import Figure, Results, number

RATE = Figure("rate", "jobs, from first submit to last result seen", "jobs/s")
P50 = Figure("p50", "one job after another, submit to result seen, p50", "ms", less_is_better=True, digits=1)

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
    Figure("pss", "the same, shared pages counted once", "MiB", less_is_better=True),
)
BARE = "bare"

_HEAD = (
    ("", "", "ours is", "one job, ms", "", "", "ours is", "CPU, us a job", "", "", "", "MiB", "shared"),
    (
        "median",
        "jobs/s",
        "faster",
        "p50",
        "p90",
        "p99",
        "faster",
        "workers",
        "parent",
        "server",
        "client",
        "RSS",
        "once",
    ),
)


def table(results: Results) -> str:
    """A line for each contestant, and how many times faster ours is; then the application alone, and the notes."""
    lines = [_line(*cells) for cells in _HEAD]
    lines += [_row(name, results) for name in results.values if name != BARE]
    bare = results.median(BARE, RATE)
    if bare is not None:
        lines.append(_line("the bare Flask app", number(bare, 0)))
    return "\n".join([*lines, "", *results.notes])


def _row(name: str, results: Results) -> str:
    medians = {figure.name: number(results.median(name, figure), figure.digits) for figure in FIGURES}
    ratios = {figure.name: _times(name, figure, results) for figure in (RATE, P50)}
    rest = [medians[figure.name] for figure in FIGURES[2:]]
    return _line(name, medians["rate"], ratios["rate"], medians["p50"], *rest[:2], ratios["p50"], *rest[2:])


def _times(name: str, figure: Figure, results: Results) -> str:
    ratio = None if name == results.ours else results.ratio(name, figure)
    return "" if ratio is None else f"{ratio:.2f}x"


def _line(name: str, *cells: str) -> str:
    widths = (9, 9, 12, 6, 7, 9, 14, 8, 8, 8, 7, 8)
    return f"{name:<25}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=False))
