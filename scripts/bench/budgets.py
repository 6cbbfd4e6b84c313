"""The figures of the emulators' benchmark: what each is, its budget, and the table of them."""

from brokers import EMBEDDED, GCLOUD, JAR
from figures import Figure, Results, number

KINDS = (EMBEDDED, JAR, GCLOUD)

FIGURES = (
    Figure("first-rpc", "start to first RPC", "s", 0.7, less_is_better=True, digits=2),
    Figure("idle-rss", "RSS idle", "MiB", 90, less_is_better=True),
    Figure("latency-p50", "one-way latency, p50", "ms", 3, less_is_better=True, digits=2),
    Figure("latency-p99", "one-way latency, p99", "ms", less_is_better=True, digits=2),
    Figure("publish", "publish, client", "messages/s", 18_000),
    Figure("pull", "stream pull + ack, client", "messages/s"),
    Figure("pull-direct", "stream pull + ack, client, direct scheduler", "messages/s", 15_000),
    Figure("bare-publish", "publish, bare stub, 1,000 a request", "messages/s", 60_000),
    Figure("bare-pull", "stream pull, 4 bare streams", "messages/s", 60_000),
    Figure("waiting-rss", "RSS with messages of 1 KB waiting", "MiB", 300, less_is_better=True),
    Figure("waiting-peak", "peak RSS while they were published", "MiB", 300, less_is_better=True),
    Figure("restart", "restart with them after kill -9, to first RPC", "s", 3, less_is_better=True, digits=2),
    Figure("restart-pull", "the same, to first message", "s", 3, less_is_better=True, digits=2),
    Figure("restart-rss", "RSS after the restart", "MiB", 300, less_is_better=True),
    Figure("drain", "pull + ack of them, 4 bare streams", "messages/s"),
    Figure("drained-rss", "RSS afterwards", "MiB", 300, less_is_better=True),
)


def table(results: Results) -> str:
    """The medians side by side, how many times better the embedded emulator is, and its budgets."""
    lines = [_line("median", "", *KINDS, "times better", "budget")]
    lines += [_row(figure, results) for figure in results.figures()]
    return "\n".join([*lines, "", *results.notes])


def _row(figure: Figure, results: Results) -> str:
    medians = [results.median(kind, figure) for kind in KINDS]
    ratios = [number(results.ratio(kind, figure), 1) for kind in (JAR, GCLOUD)]
    return _line(
        figure.title,
        figure.unit,
        *(number(value, figure.digits) for value in medians),
        " / ".join(filter(None, ratios)),
        _budget(figure, medians[0]),
    )


def _budget(figure: Figure, value: float | None) -> str:
    if figure.budget is None or value is None:
        return ""
    return f"{figure.budget:,g} {'met' if figure.meets(value) else 'MISSED'}"


def _line(title: str, unit: str, *cells: str) -> str:
    return f"{title:<46}{unit:<11}" + "".join(f"{cell:>15}" for cell in cells)
