"""Calls and groups of calls: done on a view, committed, and done again on another where they lost a race.

A call outside a group that loses a race is done again, from what there is then, for as long as ``PATIENCE_S``.

A **group** has given answers before it is committed, so it cannot just be done again. It has two ways to keep them:

* It **holds** the documents that it is about to change: they say so, for ``HOLD_S``, and all others wait. Only a claim
  inside another such group does not, or two could wait for each other: it is refused, ``HELD``, for a moment. That is
  one more write for each, so it is for those who cannot do the group again.
* Where the caller does a group again that raises ``StoreUnreachable`` (``group(again=True)``, as a worker's recorder
  does), nothing is held. Where such a group loses a race, all of its calls are made once more on what there is then.
  Mostly they have the same answers: the race was against a submitter who noted a message, or a heartbeat. Only where an
  answer is another one does the group raise, having done nothing.
"""

import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any, TypeVar

from pubsubctl.errors import PubsubctlError, StoreBusy, StoreError
from pubsubctl.store.firestore.cache import Cache
from pubsubctl.store.firestore.committing import commit
from pubsubctl.store.firestore.failures import Conflict
from pubsubctl.store.firestore.jobs import is_held
from pubsubctl.store.firestore.layout import EVENTS, JOBS, STEP_FIELDS
from pubsubctl.store.firestore.service import Found, Service, Write
from pubsubctl.store.firestore.values import encode_fields
from pubsubctl.store.firestore.view import View

PATIENCE_S = 25.0
"""How long a call tries to win a race before it says that the store cannot be reached."""
_FRESH_S = 5.0
"""How old the answers of a group may be that is made again: a lease in them counts from then."""
HOLD_S = 30.0
"""How long a group may take before others stop waiting for it; it loses then."""
_PAUSE_S, _LONGEST_PAUSE_S = 0.004, 0.25

_Answer = TypeVar("_Answer")
Call = Callable[[View], _Answer]


class _Own(threading.local):
    """The group that this thread has open."""

    group: "Group | None" = None


class Calls:
    """Makes calls on a database, for all threads of this process."""

    def __init__(self, service: Service, clock: Callable[[], float]) -> None:
        self.service = service
        self.cache = Cache()
        self.clock = clock
        self._own = _Own()

    def make(self, call: Call[_Answer]) -> _Answer:
        """Make a call: as a part of the group that this thread has open, or by itself, durable when it returns."""
        self.service.check_open()
        if self._own.group is not None:
            return self._own.group.make(call)
        for paused in _pauses(str(self.service.place)):
            view = self.view(trusting=not paused)
            answer = verified(view, call)
            if not blocking(view, ""):
                with suppress(Conflict):
                    commit(view, self.cache)
                    return answer
        raise AssertionError

    @contextmanager
    def group(self, *, again: bool) -> Iterator[None]:
        """Let the calls of this thread be one commit; see the module."""
        self.service.check_open()
        if self._own.group is not None:
            with self._own.group.within():
                yield
            return
        group = self._own.group = Group(self, holding=not again)
        try:
            with group.within():
                yield
            group.end()
        finally:
            self._own.group = None
            group.let_go()

    def view(self, *, trusting: bool, token: str = "") -> View:
        """A new view; one that does not trust the cache reads everything."""
        return View(self.service, self.cache if trusting else None, self.clock, token)


class Group:
    """The calls of one group, in order, with what they have answered."""

    def __init__(self, calls: Calls, *, holding: bool) -> None:
        self._calls = calls
        self._where = str(calls.service.place)
        self._token = secrets.token_hex(8) if holding else ""
        self._view = calls.view(trusting=True, token=self._token)
        self._view.impatient = not holding  # who holds a job may be dead, and who makes this group again can come later
        self._made: list[tuple[Call[Any], Any]] = []
        self._held: set[str] = set()
        self._failed = False

    @contextmanager
    def within(self) -> Iterator[None]:
        """A call, or a group within the group: raising undoes the whole."""
        try:
            yield
        except BaseException:
            self._failed = True
            raise

    def make(self, call: Call[_Answer]) -> _Answer:
        """Make a call whose answer holds if the group is committed."""
        self._check_whole()
        with self.within():
            answer = self._make(call)
        self._made.append((call, answer))
        return answer

    def end(self) -> None:
        """Commit, once more with the same answers where that lost a race.

        Raises:
            StoreBusy: the answers would be others by now.
        """
        self._check_whole()
        for paused in _pauses(self._where):
            if paused and not self._follow():
                self._make_again()
            if blocking(self._view, self._token):
                continue
            with suppress(Conflict):
                commit(self._view, self._calls.cache)
                self._held.clear()
                return

    def let_go(self) -> None:
        """Give back what a group holds that has failed."""
        if not self._held:
            return
        service = self._calls.service
        for path in self._held:
            with suppress(PubsubctlError, Conflict):  # then it is free once the hold has run out
                now = service.get([path], ["hold"])[path]
                if (now.fields or {}).get("hold") == self._token:
                    service.commit([_holding(service, path, now, {})])

    def _make(self, call: Call[_Answer]) -> _Answer:
        for _ in _pauses(self._where):
            mark = self._view.mark()
            answer = verified(self._view, call)
            if not self._token or answer is None:  # what has no answer can be done again, come what may
                return answer
            doubtful = blocking(self._view, self._token)
            if not doubtful:
                doubtful = self._to_hold()
                with suppress(Conflict):
                    self._hold(doubtful)
                    return answer
            self._view.back(mark)
            if mark[0].keys() & doubtful:
                self._make_again()
            else:
                self._view.verify(doubtful)
            self._view.impatient = True
        raise AssertionError

    def _to_hold(self) -> list[str]:
        """The documents that are about to change, and do not say so yet."""
        return [
            each.path
            for each in self._view.changes()
            if each.path.startswith(JOBS)
            and each.found.version is not None
            and each.appended is None
            and each.path not in self._held
        ]

    def _hold(self, paths: Sequence[str]) -> None:
        """Have documents say that they are about to change."""
        service, until = self._calls.service, self._view.moment() + HOLD_S
        fields = {"hold": self._token, "hold_until": until}
        writes = [_holding(service, path, self._view.read(path), fields) for path in paths]
        if not writes:
            return
        self._calls.cache.forget(paths)
        self._held.update(paths)  # even if the answer is lost
        try:
            versions = service.commit(writes)
        except Conflict:
            self._held.difference_update(paths)
            raise
        for path, version in zip(paths, versions, strict=True):
            self._view.found(path, Found({**(self._view.read(path).fields or {}), **fields}, version))

    def _follow(self) -> bool:
        """Take in what others have appended to the events of documents that are held.

        Returns:
            Whether there was any: else the race was lost for another document.

        Raises:
            StoreBusy: something else was changed, by one who did not wait, or after the hold had run out.
        """
        found = self._calls.service.get(list(self._held), STEP_FIELDS) if self._held else {}
        if any(_but_events(each) != _but_events(self._view.read(path)) for path, each in found.items()):
            raise StoreBusy(f"the store {self._where} was changed by another meanwhile; try again")
        appended = {path: each for path, each in found.items() if each.version != self._view.read(path).version}
        for path, each in appended.items():
            self._view.follow(path, each)
        return bool(appended)

    def _make_again(self) -> None:
        if self._view.moment() - self._view.now > _FRESH_S:
            raise StoreBusy(f"the store {self._where} is kept busy by others who change the same; try again")
        again = self._calls.view(trusting=False, token=self._token)
        again.now, again.impatient = self._view.now, self._view.impatient
        self._view = again
        for call, answer in self._made:
            if call(self._view) != answer:
                raise StoreBusy(f"the store {self._where} was changed by another meanwhile; try again")

    def _check_whole(self) -> None:
        if self._failed:
            raise StoreError("a call inside the group failed, so nothing of the group is done; begin another one")


def verified(view: View, call: Call[_Answer]) -> _Answer:
    """The answer of a call that rests on nothing but what is read, or compared when it is written."""
    mark = view.mark()
    while True:
        answer = call(view)
        unsure = view.unverified()
        if not unsure:
            return answer
        view.back(mark)
        view.verify(unsure)


def blocking(view: View, token: str) -> list[str]:
    """The documents that are about to change, and that another group holds."""
    changed = [each for each in view.changes() if each.appended is None]
    return [each.path for each in changed if is_held(each.found.fields, token, view.moment())]


def _but_events(found: Found) -> list[Any] | None:
    """What a document says, but for its events, to which others may append."""
    return None if found.fields is None else [found.fields.get(name) for name in STEP_FIELDS if name != EVENTS]


def _holding(service: Service, path: str, found: Found, fields: dict[str, Any]) -> Any:
    write = Write()
    write.update.name = service.name(path)
    write.update_mask.field_paths.extend(["hold", "hold_until"])
    encode_fields(fields, write.update.fields)
    write.current_document.update_time.CopyFrom(found.version)
    return write


def _pauses(where: str) -> Iterator[int]:
    """Times to try, with pauses between them that grow, by chance, so that those who met do not meet again.

    Raises:
        StoreBusy: it took too long.
    """
    give_up = time.monotonic() + PATIENCE_S
    for tries in count():
        yield tries
        if time.monotonic() > give_up:
            raise StoreBusy(f"the store {where} is kept busy by others who change the same; try again")
        time.sleep(random.random() * min(_PAUSE_S * 2.0**tries, _LONGEST_PAUSE_S))  # noqa: S311 - no secret
