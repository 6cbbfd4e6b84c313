"""What one commit of the recorder writes, with whom to tell afterwards."""

import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from pubsubctl.job import JobState, Reason
from pubsubctl.store.claims import Claim, Claimed, Lease, Outcome, Refused
from pubsubctl.store.messages import Burial

_log = logging.getLogger("pubsubctl.worker")

Answers = tuple[list[Claimed | Refused], list[bool]]
"""What the store said to claims, and to outcomes, in order."""


@dataclass
class Group:
    """Writes of all kinds."""

    claims: list[tuple[Sequence[Claim], Callable[[list[Claimed | Refused]], None]]] = field(default_factory=list)
    outcomes: list[tuple[Outcome, Callable[[bool], None]]] = field(default_factory=list)
    releases: list[tuple[Lease, Callable[[], None]]] = field(default_factory=list)
    burials: list[tuple[Burial, Callable[[], None]]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.claims or self.outcomes or self.releases or self.burials)

    @property
    def size(self) -> int:
        """How many writes it has."""
        claims = sum(len(claims) for claims, _ in self.claims)
        return claims + len(self.outcomes) + len(self.releases) + len(self.burials)

    def split(self, most: int) -> "Group":
        """Take the first ``most`` of each kind out."""
        first = Group(self.claims[:most], self.outcomes[:most], self.releases[:most], self.burials[:most])
        del self.claims[:most], self.outcomes[:most], self.releases[:most], self.burials[:most]
        return first

    def again(self, first_asked_s: float) -> "Group":
        """The same, to be written once more: the store went away before it said what became of it.

        Args:
            first_asked_s: seconds since it was written for the first time.
        """
        claims = [([replace(each, first_asked_s=first_asked_s) for each in asked], then) for asked, then in self.claims]
        outcomes = [(replace(outcome, again=True), then) for outcome, then in self.outcomes]
        return Group([*claims], outcomes, self.releases, self.burials)

    def singly(self) -> "Iterator[Group]":
        """The same writes, each in a group of its own."""
        for outcome in self.outcomes:
            yield Group(outcomes=[outcome])
        for release in self.releases:
            yield Group(releases=[release])
        for burial in self.burials:
            yield Group(burials=[burial])
        for claims in self.claims:
            yield Group(claims=[claims])

    def plainer(self, error: object) -> "Iterator[Group]":
        """What may be written instead of a single write that the store refuses: better less than nothing.

        A job whose result cannot be kept would run again and again, to the same end.

        Args:
            error: why it was refused.
        """
        for outcome, then in self.outcomes:
            for instead in _plainer_outcomes(outcome, error):
                yield Group(outcomes=[(instead, then)])
        for burial, written in self.burials:
            for instead_of_it in (replace(burial, headers=()), replace(burial, headers=(), body=b"")):
                yield Group(burials=[(instead_of_it, written)])

    def tell(self, answers: Answers) -> None:
        """Say what became of each; that one does not take it takes nothing from the others."""
        claimed, recorded = answers
        for (_, then), answer in zip(self.outcomes, recorded, strict=True):
            _safely(partial(then, answer))
        for _, written in (*self.releases, *self.burials):
            _safely(written)
        results = iter(claimed)
        for claims, answered in self.claims:
            _safely(partial(answered, list(itertools.islice(results, len(claims)))))


def _plainer_outcomes(outcome: Outcome, error: object) -> Iterator[Outcome]:
    if outcome.log:
        yield replace(outcome, log="")
    if outcome.state is JobState.RETRYING:
        yield replace(outcome, log="", response=None)
    else:
        yield Outcome(
            outcome.job_id,
            outcome.attempt,
            JobState.FAILED,
            Reason.RESULT_TOO_LARGE,
            f"the store does not take the result: {error}",
            dead_letter=True,
        )


def _safely(tell: Callable[[], None]) -> None:
    try:
        tell()
    except Exception:  # noqa: BLE001 - whatever it is, the others have to be told
        _log.exception("what was written could not be followed up")
