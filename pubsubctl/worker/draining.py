"""The end of a worker: what runs may end, what does not is given back, nothing is lost.

A signal while it drains stops what runs at once; another one leaves at once, and what was in hand is given to others
when its leases have run out. Two signals within half a second are one: what passes signals on (``uv run``, ``npm``)
sends again what the terminal has sent already.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable

from pubsubctl.errors import PubsubctlError
from pubsubctl.store.base import Store
from pubsubctl.worker.assembly import Part, Parts
from pubsubctl.worker.notices import Notice, Notices, What

_log = logging.getLogger("pubsubctl.worker")

_SAME_SIGNAL_S = 0.5
_LAST_WRITES_S = 6.0
"""For what it stops to be dead, and to be recorded."""
_LAST_ACKS_S = 5.0
_ENDING_S = 10.0
_RETIRING_S = 2.0
_DECIDED_S = 1.0


class Drain:
    """Takes a worker apart, in the order that loses nothing. Belongs to the main thread.

    Args:
        timeout_s: how long running jobs may take to end.

    Attributes:
        failure: what went wrong meanwhile, if something did.
        complete: every part has ended: nothing uses the store or the broker any more.
    """

    def __init__(self, parts: Parts, notices: Notices, store: Store, worker_id: str, *, timeout_s: float) -> None:
        self._parts = parts
        self._notices = notices
        self._store = store
        self._worker_id = worker_id
        self._timeout_s = timeout_s
        self.failure: Notice | None = None
        self.complete = False
        self._signals = 0
        self._signal_at = 0.0

    def run(self, why: Notice, *, serving: bool) -> None:
        """Drain.

        Args:
            why: what brought the worker to its end.
            serving: whether it had begun with jobs.

        Raises:
            KeyboardInterrupt: signals have asked to leave at once.
        """
        self._signal_at = why.at
        self._parts.draining.set()
        if serving:
            self._announce(why)
        elif why.what is What.SIGNAL:
            _log.warning("stopped before the app was loaded (%s)", why.text)
        began, counts = time.monotonic(), self._parts.meters.attempts.copy()
        self._take_apart()
        if serving:
            self._sum_up(time.monotonic() - began, self._parts.meters.attempts - counts)

    def _announce(self, why: Notice) -> None:
        busy = self._parts.execution.busy
        running = f"{busy} running may end within {self._timeout_s:g} s; signal again to stop them at once"
        _log.warning("draining (%s): %s", why.text, running if busy else "no job runs")

    def _sum_up(self, took_s: float, attempts: Counter[str]) -> None:
        released = attempts.pop("released", 0)
        _log.warning("drained in %.1f s: attempts ended %d, given back %d", took_s, attempts.total(), released)

    def _take_apart(self) -> None:
        # The puller first: until it has returned, every lease is kept and every ack is sent, and all else is needed to
        # end what runs. Only then the children; then whatever writes. Nothing here may take for ever: a broker or a
        # store may be away.
        for part in self._parts.deciders:
            part.close(_DECIDED_S)
        self._pull_no_more()
        self._in_thread("closing", self._close_rest, What.CLOSED)
        if not self._until(What.CLOSED, time.monotonic() + _ENDING_S + _RETIRING_S):
            _log.warning("the store does not answer; left without it, what it was not told comes again")

    def _pull_no_more(self) -> None:
        """Let what runs end, or a second signal stop it."""
        self._in_thread("draining", self._parts.puller.stop, What.DRAINED)
        # When the sink has drained, everything is recorded; what is left is the last acks. Nobody would wait for a
        # broker that is away: the jobs have ended, a redelivery finds that.
        if not self._until(What.DRAINED, time.monotonic() + self._timeout_s + _LAST_WRITES_S + _LAST_ACKS_S):
            _log.warning("the stream does not end; left without it, what was in hand will be delivered again")

    def _close_rest(self) -> None:
        parts = self._parts
        parts.pool.stop()
        deadline = time.monotonic() + _ENDING_S
        # Sweepers after the recorder: they publish what was given up last.
        rest: tuple[Part, ...] = (parts.keeper, parts.recorder, *parts.sweepers, *parts.lookouts)
        for part in rest:
            part.close(max(0.0, deadline - time.monotonic()))
        if not parts.recorder.available or parts.recorder.writing_since is not None:
            return
        try:
            self._store.retire(self._worker_id)
        except PubsubctlError as error:
            _log.warning("the store could not be told that this worker has ended: %s", error)
        self.complete = True

    def _in_thread(self, name: str, work: Callable[[], None], then: What) -> None:
        """Let the main thread hear signals meanwhile."""

        def run() -> None:
            try:
                work()
            finally:
                self._notices.put(Notice(then))

        threading.Thread(target=run, name=name, daemon=True).start()

    def _until(self, what: What, deadline: float) -> bool:
        """Wait, and obey signals; False once the deadline has passed, which a signal brings nearer."""
        while (notice := self._notices.next_until(deadline)) is not None:
            if notice.what is what:
                return True
            if notice.what is What.FAILED:
                self.failure = self.failure or notice
            if notice.what is What.SIGNAL and self._signalled(notice):
                deadline = min(deadline, time.monotonic() + _LAST_WRITES_S + _LAST_ACKS_S)
        return False

    def _signalled(self, notice: Notice) -> bool:
        """Stop what runs; False for the echo of a signal that was obeyed.

        Raises:
            KeyboardInterrupt: that was asked for before.
        """
        if notice.at - self._signal_at < _SAME_SIGNAL_S:
            return False
        self._signal_at = notice.at
        self._signals += 1
        if self._signals > 1:
            _log.warning(
                "left at once (%s); what was in hand is given to others when its leases have run out", notice.text
            )
            raise KeyboardInterrupt
        _log.warning("what runs is stopped and given back (%s)", notice.text)
        self._parts.execution.hurry()
        return True
