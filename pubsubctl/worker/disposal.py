"""Deletes bodies that nobody needs any more, in a thread of its own: their place may be slow, or away.

What cannot be deleted now is left to a walk (``payloads.orphans``): with its job it is an orphan sooner or later.
"""

import logging
import random
import threading
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial

from pubsubctl.exchange import Response
from pubsubctl.payloads.base import Payloads
from pubsubctl.payloads.keys import SHARDS, folder_of
from pubsubctl.payloads.orphans import Jobs, sweep

_log = logging.getLogger("pubsubctl.worker")

_MOST_WAITING = 10_000
"""Beyond it nothing more is taken: the place is away, and would be for each of them."""


class Disposal:
    """The bodies of one store. Any thread may call it; nothing but ``close`` blocks.

    Args:
        place: where they are; None: this worker has no place, and says so once if one was needed.
        response_of: the response of a job as the store has it, asked for just before an answer is deleted: one whose
            record was refused may be recorded all the same, where the answer to that was lost.
        is_known: whether the store has a job, asked for just before its bodies are deleted: its message may have come
            once more since it was purged.
    """

    def __init__(
        self,
        place: Payloads | None,
        store_id: str,
        response_of: Callable[[str], Response | None] = lambda _: None,
        is_known: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._place = place
        self._store_id = store_id
        self._response_of = response_of
        self._is_known = is_known
        self._wake = threading.Condition()
        self._waiting: deque[Callable[[Payloads], None]] = deque()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._trouble = False

    @property
    def busy(self) -> bool:
        """Whether there is something to delete still."""
        return bool(self._waiting)

    def response(self, response: Response | None) -> None:
        """An answer that counts for nothing: it was late, or is to be given once more."""
        if response is not None and response.payload is not None:
            self._put([partial(self._delete_unless_kept, response.payload.key)])

    def jobs(self, job_ids: Iterable[str]) -> None:
        """Jobs that were deleted."""
        self._put(partial(self._delete_unless_known, job_id) for job_id in job_ids)

    def look_for_orphans(self, jobs: Jobs) -> None:
        """Look at one part of the place, by chance: who was killed as he wrote has left what no purge knows of."""
        if self._place is not None:
            self._put([partial(_sweep, jobs, random.choice(SHARDS))])  # noqa: S311 - it spreads work, it guards nothing

    def start(self) -> None:
        """See ``Part``: it starts by itself, when there is something to do."""

    def close(self, timeout_s: float) -> None:
        """Delete what is left, if that does not take too long, and end."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _put(self, deletions: Iterable[Callable[[Payloads], None]]) -> None:
        with self._wake:
            new = list(deletions)
            if not new:
                return
            if self._place is None:
                self._began(
                    "bodies of jobs that are gone are in a payload place that this worker does not know; start it with "
                    "the --payloads of the others"
                )
                return
            self._waiting.extend(new[: max(0, _MOST_WAITING - len(self._waiting))])
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, args=(self._place,), name="disposal", daemon=True)
                self._thread.start()
            self._wake.notify()

    def _delete_unless_kept(self, key: str, place: Payloads) -> None:
        folder, _, number = key.rpartition("/")
        of_job = folder.rpartition("/")[2]
        if folder != folder_of(self._store_id, of_job) or not number.isdigit():
            return  # an application may have its process say anything; what is none of an attempt's stays
        kept = self._response_of(of_job) if of_job else None
        if kept is None or kept.payload is None or kept.payload.key != key:
            place.delete(key)

    def _delete_unless_known(self, job_id: str, place: Payloads) -> None:
        if not self._is_known(job_id):
            place.delete_folder(folder_of(self._store_id, job_id))

    def _run(self, place: Payloads) -> None:
        while (delete := self._next()) is not None:
            try:
                delete(place)
            except Exception as error:  # noqa: BLE001 - else it would be busy for ever, and nothing forgotten any more
                self._began(f"bodies that nobody needs stay where they are, until `pubsubctl purge`: {error}")
            else:
                self._trouble = False
            with self._wake:
                self._waiting.popleft()

    def _next(self) -> Callable[[Payloads], None] | None:
        with self._wake:
            self._wake.wait_for(lambda: self._waiting or self._closed)
            return self._waiting[0] if self._waiting else None

    def _began(self, text: str) -> None:
        if not self._trouble:
            self._trouble = True
            _log.warning("%s", text)


def _sweep(jobs: Jobs, shard: str, place: Payloads) -> None:
    for _ in sweep(place, jobs, shards=(shard,)):
        pass
