"""What a run has come to, as text."""

from collections import Counter

from bookkeeping.books import Books

from pubsubctl.job import JobState
from wrecking.rampage import Rampage

_SHOWN = 20


def report(rampage: Rampage, books: Books, faults: list[str]) -> str:
    """The books in lines."""
    ended, mishaps = books.counts(), Counter(mishap.name for mishap in rampage.happened)
    verdict = "THE BOOKS DO NOT BALANCE" if faults else "every job has its one result"
    succeeded, failed, cancelled = ended[JobState.SUCCEEDED], ended[JobState.FAILED], ended[JobState.CANCELLED]
    log, messages = rampage.logs(), sum(books.mirrored.values())
    told = {
        "submitted": f"{len(books.errands):,} = {succeeded:,} succeeded + {failed:,} failed + {cancelled:,} cancelled",
        "dead letters": f"{len(books.mirrored):,} = {len(books.exhausted()):,} exhausted ({messages:,} messages)",
        "runs": f"{len(books.runs):,} of the application; {_again(books):,} jobs ran more than once, "
        f"{len(books.overtaken):,} began when another attempt had taken over",
        "in order": f"{_keyed(books):,} jobs of {len(_keys(books)):,} ordering keys",
        "mishaps": f"{mishaps.total()}: " + ", ".join(f"{count} x {name}" for name, count in mishaps.items()),
        "refused": f"{log.count('came too late')} results came too late, {log.count('is ours no more')} stopped",
        "settled": f"in {rampage.settled_s:.0f} s; {rampage.submitter.known().unanswered} submits were asked again",
    }
    lines = [f"seed {rampage.terms.seed}: {verdict}", *(f"  {name:<13} {text}" for name, text in told.items())]
    if faults:
        lines += [f"  {'FAULT':<13} {fault}" for fault in faults[:_SHOWN]]
        if len(faults) > _SHOWN:
            lines.append(f"  ... and {len(faults) - _SHOWN} more")
    return "\n".join(lines)


def _again(books: Books) -> int:
    return sum(1 for times in Counter(run.job_id for run in books.runs).values() if times > 1)


def _keys(books: Books) -> set[str]:
    return {errand.ordering_key for errand in books.errands} - {""}


def _keyed(books: Books) -> int:
    return sum(1 for errand in books.errands if errand.ordering_key)
