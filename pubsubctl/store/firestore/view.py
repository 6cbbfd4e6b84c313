"""What a call, or a group of calls, reads and is about to write: one state of the documents, and changes to it.

A call's own code reads documents from its view and puts changed ones back; nothing is written until the view is
committed, and then only if every document that it changes is still as it was read.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pubsubctl.store.firestore.cache import Cache
from pubsubctl.store.firestore.layout import BODY_FIELDS, EVENTS, JOBS, STEP_FIELDS
from pubsubctl.store.firestore.query import Query
from pubsubctl.store.firestore.service import Found, Service
from pubsubctl.store.firestore.values import Fields

_ABSENT = Found(None, None)

Mark = tuple[dict[str, Fields | None], set[str]]
"""What was done in a view up to some moment."""


@dataclass(frozen=True, slots=True)
class Change:
    """A document to be written: ``fields`` is None where it is to be deleted."""

    path: str
    found: Found
    fields: Fields | None

    @property
    def names(self) -> list[str]:
        """The fields that differ. A body that a step has not touched is not among them: it was not read."""
        old, new = self.found.fields or {}, self.fields or {}
        return [name for name in {**old, **new} if old.get(name) != new.get(name) or name in BODY_FIELDS]

    @property
    def appended(self) -> list[Any] | None:
        """The new events, where it is nothing but events at the end of those that there are.

        Nothing was decided by what was read then but that somebody is refused, and nothing is lost where another
        appends to them too: such a change is under no condition, and never loses a race.
        """
        if self.found.fields is None or self.fields is None or self.names != [EVENTS]:
            return None
        old, new = self.found.fields.get(EVENTS) or [], self.fields.get(EVENTS) or []
        return new[len(old) :] if new[: len(old)] == old else None


class View:
    """Belongs to one call or group of one thread.

    Args:
        service: where documents are read.
        cache: documents as this process has written them last, for those who may use them; None where nobody may.
        clock: the store's clock.
        token: that of the group, if it holds what it changes.
    """

    def __init__(self, service: Service, cache: Cache | None, clock: Callable[[], float], token: str = "") -> None:
        self.service = service
        self._cache = cache
        self._clock = clock
        self._found: dict[str, Found] = {}
        self._bodies: dict[str, Fields] = {}
        self._unsure: set[str] = set()
        self._staged: dict[str, Fields | None] = {}
        self._erased: set[str] = set()
        self.token = token
        self.impatient = False
        """Whether whoever finds a job held by a group should not wait for that: it would be waited for itself."""

    @cached_property
    def now(self) -> float:
        """The store's time, one for all that is done in this view."""
        return self._clock()

    def moment(self) -> float:
        """The store's time at this very moment."""
        return self._clock()

    def load(self, paths: Iterable[str], *, cached: bool = False) -> None:
        """Read documents that are not here yet, all at once.

        Args:
            paths: where they are.
            cached: whether one may be as this process has written it last. What is not changed then, and so not
                compared when it is written, is read after all.
        """
        missing = [path for path in dict.fromkeys(paths) if path not in self._found]
        if cached and self._cache is not None:
            known = self._cache.known(missing)
            self._found |= known
            self._unsure |= known.keys()
            missing = [path for path in missing if path not in known]
        for fields, of_jobs in ((STEP_FIELDS, True), ((), False)):
            paths = [path for path in missing if path.startswith(JOBS) is of_jobs]
            if paths:
                self._found |= self.service.get(paths, fields)

    def get(self, path: str) -> Fields | None:
        """A document that was loaded, as it is after what was done in this view."""
        return self._staged[path] if path in self._staged else self._found[path].fields

    def is_there(self, path: str) -> bool:
        """Whether there is such a document, as far as a view knows that reads nothing in vain."""
        if path not in self._staged and path not in self._found:
            if self._cache is not None:
                return False
            self.load([path])
        return self.get(path) is not None

    def put(self, path: str, fields: Fields) -> None:
        """Have a document written; one that was not loaded is taken to be a new one."""
        self._found.setdefault(path, _ABSENT)
        if fields is self.get(path):
            return  # nothing is changed; and what is not written is read after all, see ``unverified``
        if self.token and fields.get("hold") == self.token:
            fields = {**fields, "hold": None, "hold_until": None}
        self._staged[path] = fields

    def drop(self, path: str) -> None:
        """Have a document deleted."""
        self._found.setdefault(path, _ABSENT)
        self._staged[path] = None

    def erase(self, path: str) -> None:
        """Have a document deleted that nobody else changes, whether it is there or not."""
        self._erased.add(path)

    def query(self, query: Query) -> dict[str, Fields]:
        """What a query finds after what was done in this view, in its order."""
        asked = query if query.limit is None else query.limited(query.limit + len(self._staged))
        found = self.service.query(asked)
        for path, each in found.items():
            if query.fields in {(), STEP_FIELDS} and each.fields is not None:
                if not query.fields:
                    self._bodies[path] = each.fields
                self._found.setdefault(path, Found(without_bodies(each.fields), each.version))
        if not self._staged:
            return {path: each.fields for path, each in found.items() if each.fields is not None}
        kept = {path: each.fields for path, each in found.items() if path not in self._staged}
        own = {path: each for path, each in self._staged.items() if path.startswith(query.collection)}
        together = {**kept, **{path: each for path, each in own.items() if query.matches(each)}}
        ordered = sorted(together.items(), key=lambda item: query.sort_key(item[1] or {}))
        return {path: each for path, each in ordered[: query.limit] if each is not None}

    def count(self, queries: Sequence[Query]) -> list[int]:
        """How many documents each of the queries finds, after what was done in this view."""
        numbers = self.service.count(queries)
        for at, query in enumerate(queries):
            for path, fields in self._staged.items():
                if path.startswith(query.collection):
                    numbers[at] += query.matches(fields) - query.matches(self._found[path].fields)
        return numbers

    def body(self, paths: Sequence[str], kind: str) -> dict[str, Fields]:
        """The requests or responses of jobs, as their documents hold them."""
        own = {path: self._staged[path] for path in paths if path in self._staged}
        told = {path: fields for path, fields in own.items() if fields is None or kind in fields}
        told |= {path: self._bodies[path] for path in paths if path in self._bodies and path not in told}
        read = [path for path in dict.fromkeys(paths) if path not in told]
        found = self.service.get(read, [kind]) if read else {}
        told |= {path: each.fields for path, each in found.items()}
        return {path: fields[kind] for path, fields in told.items() if fields and fields.get(kind)}

    def read(self, path: str) -> Found:
        """A document as it was read."""
        return self._found[path]

    def read_only(self) -> list[str]:
        """Documents that nothing in this view changes."""
        return [path for path in self._found if path not in self._staged]

    def unverified(self) -> list[str]:
        """Documents taken from the cache that nothing will compare with what there is."""
        return [path for path in self._unsure if path not in self._staged or self._change(path).appended is not None]

    def verify(self, paths: Sequence[str]) -> None:
        """Read these now. What this view has appended to their events comes after what there is."""
        added = {path: self._change(path).appended for path in paths if path in self._staged}
        for path in paths:
            self._unsure.discard(path)
            del self._found[path]
        self.load(paths)
        for path, events in added.items():
            self._rest(path, self._found[path].fields, events or [])

    def mark(self) -> Mark:
        """What was done so far."""
        return dict(self._staged), set(self._erased)

    def back(self, mark: Mark) -> None:
        """Undo what was done since."""
        self._staged, self._erased = dict(mark[0]), set(mark[1])

    @property
    def erased(self) -> set[str]:
        """What is to be deleted whatever it is; not what was written again since."""
        return {path for path in self._erased if self._staged.get(path) is None}

    def changes(self) -> list[Change]:
        """What is to be written."""
        every = map(self._change, self._staged)
        return [each for each in every if each.fields is not None or each.found.fields is not None]

    def follow(self, path: str, found: Found) -> None:
        """A document has got more events than were read: they come before those that this view has added."""
        before, staged = (self._found[path].fields or {}).get(EVENTS) or [], self._staged.get(path)
        self._found[path] = found
        if staged is not None and found.fields is not None:
            added = [each for each in staged.get(EVENTS) or () if each not in before]
            events = [*(found.fields.get(EVENTS) or ()), *added]
            self._staged[path] = {**staged, EVENTS: events or None}

    def _rest(self, path: str, fields: Fields | None, added: Sequence[Fields]) -> None:
        """Have a document as it is, with these events more; nothing where it is gone."""
        if fields is None:
            del self._staged[path]
        else:
            self._staged[path] = {**fields, EVENTS: [*(fields.get(EVENTS) or ()), *added]}

    def _change(self, path: str) -> Change:
        return Change(path, self._found[path], self._staged[path])

    def found(self, path: str, found: Found) -> None:
        """A document is now so, by what this view itself has written."""
        self._found[path] = found
        self._unsure.discard(path)


def without_bodies(fields: Fields) -> dict[str, Any]:
    """A job's fields as a step reads them."""
    return {name: value for name, value in fields.items() if name not in BODY_FIELDS}
