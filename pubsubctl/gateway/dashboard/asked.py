"""What a list of jobs is asked for, as its address says it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest

from pubsubctl.job import DEAD, JobState, Reason
from pubsubctl.quantities import duration
from pubsubctl.selecting import sorted_reasons

AGES = ("5m", "15m", "1h", "6h", "1d", "7d", "30d")
"""What is offered; any duration can be asked for."""
_LONGEST = 1000


@dataclass(frozen=True)
class Asked:
    """Which jobs; what is empty chooses nothing.

    Attributes:
        within: they were created at most so long ago, as people write durations.
        older: they were created at least so long ago.
        cursor: where the page before ended.
    """

    states: tuple[JobState, ...] = ()
    reasons: tuple[Reason, ...] = ()
    path: str = ""
    batch: str = ""
    worker: str = ""
    within: str = ""
    older: str = ""
    cursor: str = ""

    @classmethod
    def of(cls, given: MultiDict[str, str]) -> "Asked":
        """From the query of an address, or the fields of a form.

        Raises:
            BadRequest: a value cannot be used.
        """
        texts = {name: given.get(name, "").strip() for name in ("path", "batch", "worker", "within", "older", "cursor")}
        for name, text in texts.items():
            if len(text) > _LONGEST or "\0" in text:
                raise BadRequest(f"The {name} that was asked for cannot be one.")
        for name in ("within", "older"):
            _seconds(texts[name], name)
        states = _of(JobState, frozenset(JobState), given.getlist("state"), "state")
        return cls(states, _of(Reason, DEAD, given.getlist("reason"), "reason"), **texts)

    @property
    def chooses(self) -> bool:
        """Whether it is about less than all jobs."""
        return bool(self.states or self.reasons or self.path or self.batch or self.worker or self.within or self.older)

    @property
    def is_costly(self) -> bool:
        """Whether a store may look at very many jobs to find these: not every two seconds, then."""
        others = self.states or self.reasons or self.batch or self.within or self.older
        return bool(self.path or (self.worker and others))

    def query(self, **changes: str | None) -> dict[str, Any]:
        """As an address says it, with some parts changed, or left out where they are None."""
        parts: dict[str, Any] = {
            "state": [str(state) for state in self.states],
            "reason": [str(reason) for reason in self.reasons],
            "path": self.path,
            "batch": self.batch,
            "worker": self.worker,
            "within": self.within,
            "older": self.older,
            "cursor": self.cursor,
        } | changes
        return {name: value for name, value in parts.items() if value}

    def fields(self) -> list[tuple[str, str]]:
        """The same as fields of a form, without the cursor."""
        query = self.query(cursor=None)
        lists = {name: value if isinstance(value, list) else [value] for name, value in query.items()}
        return [(name, value) for name, values in lists.items() for value in values]

    def terms(self) -> Mapping[str, Any]:
        """What ``Store.find`` and ``Selection`` are both asked."""
        return {
            "states": self.states,
            "reasons": self.reasons,
            "path": self.path or None,
            "batch_id": self.batch or None,
            "newer_than_s": _seconds(self.within, "within"),
            "older_than_s": _seconds(self.older, "older"),
        }


def dead_letters() -> tuple[Reason, ...]:
    """The reasons for which a job is given up on."""
    return sorted_reasons(DEAD)


def _of(kind: Any, known: Any, texts: list[str], name: str) -> Any:
    wanted = [text for text in texts if text]
    if any(text not in known for text in wanted):
        raise BadRequest(f"There is no such {name}.")
    return tuple(one for one in kind if one in wanted)


def _seconds(text: str, name: str) -> float | None:
    if not text:
        return None
    try:
        return duration(text)
    except ValueError as error:
        raise BadRequest(f"The age '{name}' {error}.") from error
