"""What a run has come to, as text."""

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median

from bookkeeping.books import Books

from partitioning.fleet import CLOCKS_S
from partitioning.mishaps import Mishap
from partitioning.recovery import Recovery
from partitioning.trial import Found
from pubsubctl.job import JobState

_SHOWN = 20


def report(seed: int, plan: Sequence[Mishap], found: Found, faults: Sequence[str]) -> str:
    """The books in lines, and a table of mishaps."""
    verdict = "THE BOOKS DO NOT BALANCE" if faults else "every job has its one result"
    told = _told(plan, found)
    lines = [f"seed {seed}: {verdict}", *(f"  {name:<13} {text}" for name, text in told.items()), ""]
    lines += _table(found.recoveries)
    lines += [f"  {'FAULT':<13} {fault}" for fault in faults[:_SHOWN]]
    if len(faults) > _SHOWN:
        lines.append(f"  ... and {len(faults) - _SHOWN} more")
    return "\n".join(lines)


def _told(plan: Sequence[Mishap], found: Found) -> dict[str, str]:
    books, ended, logs = found.books, found.books.counts(), found.logs
    succeeded, failed, cancelled = ended[JobState.SUCCEEDED], ended[JobState.FAILED], ended[JobState.CANCELLED]
    hosts = Counter(run.host for run in books.runs)
    return {
        "submitted": f"{len(books.errands):,} = {succeeded:,} succeeded + {failed:,} failed + {cancelled:,} cancelled",
        "dead letters": f"{len(books.mirrored):,} = {len(books.exhausted()):,} exhausted",
        "runs": f"{len(books.runs):,} ({', '.join(f'{host} {count:,}' for host, count in sorted(hosts.items()))}); "
        f"{_again(books):,} jobs ran more than once, {len(books.overtaken):,} began when another had taken over",
        "clocks": ", ".join(f"{host} {seconds:+d} s" for host, seconds in CLOCKS_S.items()),
        "mishaps": str(len(plan)),
        "taken over": f"{len(found.taken_over_s)} jobs of the lost host, after {_span(found.taken_over_s)} s",
        "refused": f"{logs.count('came too late')} results came too late, {logs.count('is ours no more')} stopped",
        "settled": f"in {found.settled_s:.0f} s; {found.asked_again} submits were asked again",
    }


def _table(recoveries: Sequence[Recovery]) -> list[str]:
    """By kind of mishap, in seconds: median and longest."""
    kinds: dict[str, list[Recovery]] = {}
    for each in recoveries:
        struck = each.happened.mishap.host.partition("-")[0]
        seen_by = "" if struck == each.host.partition("-")[0] else f", {each.host.partition('-')[0]}s"
        kinds.setdefault(f"{struck} {each.happened.mishap.name}{seen_by}", []).append(each)
    heads = ("times", "longest", "noticed", "ready again", "works again", "given results")
    lines = [f"  {'seconds: median, longest':<46}" + "".join(f"{head:>16}" for head in heads)]
    return lines + [_row(kind, struck) for kind, struck in sorted(kinds.items())]


def _row(kind: str, struck: Sequence[Recovery]) -> str:
    spans = (
        [each.noticed_s for each in struck],
        [each.ready_s for each in struck],
        [each.works_s for each in struck],
        [each.collects_s for each in struck],
    )
    longest_s = max(each.happened.mishap.lasts_s for each in struck)
    cells = (str(len(struck)), f"{longest_s:.0f}", *map(_span, spans))
    return f"  {kind:<46}" + "".join(f"{cell:>16}" for cell in cells)


def _span(found: Iterable[float | None]) -> str:
    seconds = [each for each in found if each is not None]
    return f"{median(seconds):.1f}, {max(seconds):.1f}" if seconds else "-"


def _again(books: Books) -> int:
    return sum(1 for times in Counter(run.job_id for run in books.runs).values() if times > 1)
