"""Waiting for a change of the database: a listener, which Firestore tells of every change as it happens.

Who waits for jobs that it can name listens to their documents: one read for each at first, and one for each change of
it (its message, its claim, its end: three in a plain life). So it knows which of them have ended, and asks for no
others. Who waits for anything listens to the one document that was changed last, which costs a read for each change of
any job, less where many come at a time.
"""

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import grpc

from pubsubctl.errors import PubsubctlError
from pubsubctl.job import FINISHED
from pubsubctl.store import rows
from pubsubctl.store.base import Watch
from pubsubctl.store.firestore import queries
from pubsubctl.store.firestore.failures import translated
from pubsubctl.store.firestore.layout import job_path
from pubsubctl.store.firestore.service import ListenRequest, Service
from pubsubctl.store.firestore.values import decode

MOST_DOCUMENTS = 5000
"""Who waits for more than these listens to any change."""
_IN_A_TARGET = 100
_FIRST_S = 15.0
_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0
TRUSTED_S = 30.0
_MOST_BROKEN_OFF = 2
"""Streams that may end before one is of use: the emulator garbles one now and then, while many begin and end."""
_FAREWELL_S = 1.0
"""How long a listener that says that it leaves may take. Where it just breaks off, the emulator does what somebody else
commits in that moment, and tells him that it was cancelled."""


class FirestoreWatch(Watch):
    """A stream of its own, read by a thread of its own."""

    trusted_s = TRUSTED_S

    def __init__(self, service: Service, job_ids: Sequence[str] = ()) -> None:
        self._service = service
        named = list(dict.fromkeys(job_ids))
        self._named = dict(zip(map(job_path, named), named, strict=True)) if len(named) <= MOST_DOCUMENTS else {}
        self._changed = threading.Condition()
        self._news = False
        self._current = False
        self._closed = False
        self._running: set[str] = set()
        self._failure: PubsubctlError | None = None
        self._broken_off = 0
        self._call: Any = None
        self._leave: Callable[[], None] = lambda: None
        self._thread = threading.Thread(target=self._run, name="pubsubctl-listener", daemon=True)
        self._thread.start()
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._current or self._broken_off >= _MOST_BROKEN_OFF, _FIRST_S)
            failure = None if self._current else self._failure
            self._news = False
        if failure is not None:
            raise failure

    def wait(self, timeout_s: float) -> bool:
        """See ``Watch.wait``."""
        with self._changed:
            self._changed.wait_for(lambda: self._news or self._closed, timeout_s)
            news, self._news = self._news, False
        if news:
            self._service.check_open()
        return news

    def narrowed(self, job_ids: Sequence[str]) -> Sequence[str]:
        """See ``Watch.narrowed``."""
        with self._changed:
            return [job_id for job_id in job_ids if not self._current or job_id not in self._running]

    def close(self) -> None:
        """See ``Watch.close``."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            call, leave = self._call, self._leave
        leave()
        self._thread.join(_FAREWELL_S)
        if call is not None:
            call.cancel()
        self._thread.join(_FIRST_S)

    def _run(self) -> None:
        pause = _PAUSE_S
        while not self._closed:
            began = time.monotonic()
            try:
                with translated(str(self._service.place)):
                    self._listen()
                self._broken(None)
            except PubsubctlError as error:
                self._broken(error)
            pause = _PAUSE_S if time.monotonic() - began > _LONGEST_PAUSE_S else min(pause * 2, _LONGEST_PAUSE_S)
            with self._changed:
                self._changed.wait_for(lambda: self._closed, pause)

    def _broken(self, error: PubsubctlError | None) -> None:
        """Nothing is known any more: whoever waits looks for itself, and finds out whether the store is there."""
        with self._changed:
            self._failure = error
            self._broken_off += 1
            self._current = False
            self._running.clear()
            self._news = True
            self._changed.notify_all()

    def _listen(self) -> None:
        targets = self._targets()
        ended, requests = threading.Event(), queue.SimpleQueue[Any]()
        for target in targets:
            requests.put(target)
        call = self._service.listen(_sent(requests, ended))
        with self._changed:
            self._call, self._leave = call, partial(self._remove, requests, len(targets))
            if self._closed:
                call.cancel()
        try:
            self._hear(call, len(targets))
        except grpc.RpcError:
            if not self._closed:
                raise
        finally:
            requests.put(None)
            ended.set()
            call.cancel()

    def _remove(self, requests: "queue.SimpleQueue[Any]", targets: int) -> None:
        """Say that we leave."""
        for number in range(1, targets + 1):
            requests.put(ListenRequest(database=self._service.place.name, remove_target=number))

    def _hear(self, call: Any, targets: int) -> None:
        current: set[int] = set()
        for answer in call:
            kind = answer.WhichOneof("response_type")
            if kind == "target_change":
                change = answer.target_change
                if change.target_change_type == change.CURRENT:
                    current |= set(change.target_ids) or set(range(1, targets + 1))
                if change.target_change_type == change.REMOVE:
                    targets -= 1
                    if not self._closed:
                        raise_status(change.cause)
                    if not targets:
                        return
                if len(current) >= targets and not self._current:
                    self._now_current()
            elif kind != "filter":
                self._told(answer, kind)

    def _now_current(self) -> None:
        with self._changed:
            self._current, self._failure, self._news = True, None, True
            self._changed.notify_all()

    def _told(self, answer: Any, kind: str) -> None:
        change = getattr(answer, kind)
        name = change.document.name if kind == "document_change" else change.document
        job_id = self._named.get(self._service.path(name))
        self._service.listened(kind == "document_change")
        with self._changed:
            if job_id is not None:
                runs = kind == "document_change" and _runs(change.document)
                (self._running.add if runs else self._running.discard)(job_id)
            self._news = self._news or self._current
            self._changed.notify_all()

    def _targets(self) -> list[Any]:
        place = self._service.place.name
        if not self._named:
            asked = ListenRequest(database=place)
            asked.add_target.target_id = 1
            asked.add_target.query.parent = f"{place}/documents"
            asked.add_target.query.structured_query.CopyFrom(queries.last_changed().structured())
            return [asked]
        paths = list(self._named)
        targets = []
        for number, start in enumerate(range(0, len(paths), _IN_A_TARGET), 1):
            asked = ListenRequest(database=place)
            asked.add_target.target_id = number
            names = [self._service.name(path) for path in paths[start : start + _IN_A_TARGET]]
            asked.add_target.documents.documents.extend(names)
            targets.append(asked)
        return targets


def raise_status(cause: Any) -> None:
    """A target that Firestore has taken away, which it does with a reason."""
    from google.api_core.exceptions import from_grpc_status

    raise from_grpc_status(cause.code or 13, cause.message)


def _sent(requests: "queue.SimpleQueue[Any]", ended: threading.Event) -> Iterator[Any]:
    while not ended.is_set():
        request = requests.get()
        if request is None:
            return
        yield request


def _runs(document: Any) -> bool:
    state = decode(document.fields["state"])
    with contextlib.suppress(KeyError):
        return rows.STATES[state] not in FINISHED
    return False
