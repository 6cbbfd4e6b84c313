"""Keeps a stream from the broker open: opens another whenever one has ended, brings nothing, or may hold too much.

What the broker refuses for good (there is no such subscription, no permission) ends the worker only if no stream was
ever had: then it was started wrongly, and whoever did that is still looking. Later, somebody has taken away what was
there, and will most likely bring it back (a ``setup`` again, a restarted emulator that forgets everything, a changed
policy that is on its way). A worker that ended would have to be started again by hand on every machine, and would
take the jobs that run with it. So it says so once, is not ready, tries again at the pace of ``_LAST_PAUSE_S``, and goes
on by itself.

How many messages a stream may have outstanding is said as it is opened, and never again. So with jobs that have become
short, or long, another stream takes its place. Messages do not mind by which stream they came: ``Leases`` keeps them.
What is in hand and was not begun stays there, in its order, and no stream is read before the one before it has ended:
so no message of an ordering key is before an earlier one. Only what would wait behind long jobs is given back.
"""

import logging
import math
import threading
import time
import uuid
from collections.abc import Callable, Sequence

from google.api_core import exceptions

from pubsubctl.broker.connection import Connection, answers
from pubsubctl.broker.leasing import Leasing
from pubsubctl.broker.stream import Stream, connect
from pubsubctl.worker.arrival import Arrival
from pubsubctl.worker.feed import Feed
from pubsubctl.worker.gears import Gears
from pubsubctl.worker.leases import Leases
from pubsubctl.worker.meters import Meters
from pubsubctl.worker.presence import Presence
from pubsubctl.worker.reach import Reach, is_refusal, reason
from pubsubctl.worker.sink import Sink
from pubsubctl.worker.watchdog import Patience, StreamSilent, Watchdog

_log = logging.getLogger("pubsubctl.worker")

_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.05, 10.0
_LASTING_S = 30.0
"""How long a stream must have lived for the next one to be tried without delay."""
_BREAKS = 3
"""How many streams in a row may break as soon as they are open before that is told: one does now and then."""
_SHIFT_S = 0.25
"""How often it is looked whether less is to be held, while much is."""
_STIR_S = 0.05
"""How often it is looked whether more is to be held, at most."""
_ACKS = 8
"""The share of what may be held that may wait to be acked."""
_CALL_S, _CALLS_A_LEASE = 10.0, 4
"""How long the broker may take for an answer; and how many calls may time out, at least, before a lease lapses."""


class Puller:
    """A thread that keeps a stream open until it is told to stop.

    Args:
        gears: how many messages are held.
        most_deliveries: after how many deliveries the broker gives a message up; None where it never does.
        lease_s: how long a lease at the broker lasts; it is renewed for as long as a message is held.
        drain_timeout_s: how long the sink may take to drain.
        on_hopeless: told why no stream can be had.
        broker: where it is told whether the broker is there, for whoever else needs it.
        waiting: whether the broker should have sent something, given for how many seconds it sent nothing.
        patience: how long what may be waited for.
    """

    def __init__(
        self,
        connection: Connection,
        subscription: str,
        sink: Sink,
        *,
        gears: Gears,
        lease_s: int,
        most_deliveries: int | None = None,
        drain_timeout_s: float,
        on_hopeless: Callable[[str], None],
        meters: Meters | None = None,
        broker: Presence | None = None,
        waiting: Callable[[float], bool] = lambda _: False,
        patience: Patience | None = None,
    ) -> None:
        self._connection = connection
        self._subscription = subscription
        self._sink = sink
        self._id = str(uuid.uuid4())
        self._gears = gears
        self._lease_s = lease_s
        self._most_deliveries = math.inf if most_deliveries is None else most_deliveries // 2
        self._drain_timeout_s = drain_timeout_s
        self._on_hopeless = on_hopeless
        self._meters = meters or Meters()
        self._reach = Reach(connection.place, broker or Presence("the broker is back"))
        self._jobs_wait = waiting
        self._patience = patience or Patience()
        self._silent_s = self._patience.silent_s
        self._leasing = Leasing(connection.lasting, subscription, timeout_s=min(_CALL_S, lease_s / _CALLS_A_LEASE))
        self._leases = Leases(self._leasing, lease_s)
        self._stop = threading.Event()
        self._stir = threading.Event()
        self._stirred_at = 0.0
        self._feed: Feed | None = None
        self._proved = False
        self._undrained = False
        self._breaks = 0
        self._settled = -1
        self._thread = threading.Thread(target=self._run, name="puller", daemon=True)

    @property
    def trouble(self) -> str | None:
        """Why nothing can be pulled now, one line; None while a stream is open, or has just been asked for."""
        return self._reach.trouble

    @property
    def held(self) -> int:
        """How many messages are leased now, those included that the broker is still to be told of."""
        return self._leases.count + self._leases.untold

    @property
    def waiting(self) -> int:
        """How many are in hand that are not of jobs that run: nobody else is sent them while they wait here."""
        return max(0, self._leases.count - self._sink.running())

    @property
    def listens(self) -> bool:
        """Whether a stream is open at this moment."""
        feed = self._feed
        return feed is not None and feed.is_open

    def start(self) -> None:
        """Begin pulling."""
        self._undrained = True
        self._leases.start()
        self._thread.start()

    def stop(self) -> None:
        """Stop pulling, let the sink drain, return when the broker has every ack, or does not take them."""
        self._stop.set()
        self._stir.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._undrained:  # even where that thread has died of a fault
            self._undrained = False
            self._drain()

    # --- one stream after another -----------------------------------------------------------------------------------

    def _run(self) -> None:
        pause = _FIRST_PAUSE_S
        while not self._stop.is_set():
            began = time.monotonic()
            error = self._pull()
            if self._stop.is_set():
                break
            if is_refusal(error) and not self._proved:
                self._on_hopeless(reason(error))
                break
            self._tell_of(error, lasted_s=time.monotonic() - began)
            pause = _FIRST_PAUSE_S if time.monotonic() - began > _LASTING_S else pause
            self._rest(pause)
            pause = min(pause * 2, _LAST_PAUSE_S)

    def _drain(self) -> None:
        self._sink.drain(self._drain_timeout_s)
        if not self._leases.close(self._patience.acks_s):
            _log.warning("the broker does not take the last acks; their messages will be delivered again, and not run")
        self._leasing.close()

    def _tell_of(self, error: Exception | None, *, lasted_s: float) -> None:
        """Every stream ends some day, and another takes its place before anybody has missed it."""
        self._breaks = 1 if lasted_s > _LASTING_S else self._breaks + 1
        if is_refusal(error) or isinstance(error, StreamSilent) or self._breaks >= _BREAKS:
            self._reach.lost(error)

    def _rest(self, pause_s: float) -> None:
        """Wait before the next stream: at least so long, and until there is a broker."""
        self._stop.wait(pause_s)
        while not self._stop.is_set() and not self._broker_answers():
            self._stop.wait(self._patience.trouble_look_s)

    def _pull(self) -> Exception | None:
        """Keep a stream open until it ends; returns why, None if we ended it."""
        feed, error = self._try_to_open()
        while feed is not None:
            self._feed = feed
            feed.start()
            error, following = self._follow(feed), None
            shifted = error is None and not self._stop.is_set()  # as it may hold too much, or too little
            if shifted:
                following, error = self._try_to_open()
            self._feed = following
            self._end(feed, too_much=shifted and self._gears.is_low)
            feed = following
        return error

    def _try_to_open(self) -> tuple[Feed | None, Exception | None]:
        try:
            return self._open(), None
        except Exception as error:  # noqa: BLE001 - whatever it is, another stream is tried
            return None, error

    def _open(self) -> Feed:
        """Open a stream.

        Raises:
            ServiceUnavailable: there is no broker.
        """
        channel = self._connection.lasting()
        try:
            connect(channel, self._stop)
            if self._stop.is_set():
                raise exceptions.Cancelled("there is no use for it any more")
            hold = self._gears.hold
            self._leases.urgent = max(1, hold // _ACKS)
            stream = Stream(channel, self._subscription, hold=hold, lease_s=self._lease_s, client_id=self._id)
        except BaseException:
            channel.close()
            raise
        self._meters.streams += 1
        return Feed(stream, self._leases, self._deliver, hold=hold, on_end=self._stir.set)

    def _end(self, feed: Feed, *, too_much: bool) -> None:
        """Let go of a stream.

        What came by it and has not begun is kept, unless it is too much. What came before it, and has not begun for as
        long as it lived, is given back: each stream may bring as many messages as any.
        """
        feed.end()
        if not self._stop.is_set():
            self._sink.spare(None if too_much else feed, claimed=too_much)

    # --- one stream -------------------------------------------------------------------------------------------------

    def _follow(self, feed: Feed) -> Exception | None:
        """Wait for the end of a stream, and look after it meanwhile.

        Returns:
            Why it has ended, or must; None where we have no use for it any more.
        """
        watchdog = Watchdog(
            feed,
            silent_s=self._silent_s,
            full=lambda: feed.is_full,
            waiting=self._jobs_wait,
        )
        looked_at = time.monotonic()
        while not self._stop.is_set():
            self._stir.wait(self._look_s() if self._gears.is_low else _SHIFT_S)
            self._stir.clear()
            if feed.ended.is_set() or not feed.is_open:  # where it is full, nobody reads that it has ended
                feed.end()
                return None if self._stop.is_set() else feed.error or exceptions.Unknown("the broker has ended it")
            now = time.monotonic()
            if self._gears.shift(self._sink.tempo(), held=self._leases.count, now=now):
                _log.debug("messages held from now on: up to %d", self._gears.hold)
                return None
            if now - looked_at >= self._look_s():
                looked_at = now
                if (silent := self._look(feed, watchdog)) is not None:
                    return silent
        return None

    def _look_s(self) -> float:
        """How long until the next look."""
        feed = self._feed
        soon = self.trouble or (feed is not None and feed.is_full)
        return self._patience.trouble_look_s if soon else self._patience.look_s

    def _look(self, feed: Feed, watchdog: Watchdog) -> StreamSilent | None:
        feed.beat()
        if self._gears.is_overfull(self._sink.tempo(), held=self._leases.count):
            self._sink.spare(feed, claimed=True)
        self._thin_out(feed)
        answering = self._broker_answers()
        silent = watchdog.look(answers=answering)
        if silent is not None:
            self._silent_s = min(2 * self._silent_s, self._patience.most_silent_s)
        elif answering and feed.is_open and feed.age_s >= self._patience.look_s:
            self._proved = True
            self._reach.found()
        return silent

    def _thin_out(self, feed: Feed) -> None:
        """Where all that may be held is held, and nothing has moved since the last look, make room for other keys."""
        settled, self._settled = self._settled, self._leases.settled
        if settled == self._settled and feed.is_full and self._sink.is_hungry():
            self._sink.thin_out(self._most_deliveries)

    def _broker_answers(self) -> bool:
        if answers(self._connection.address):
            return True
        self._reach.unanswered()
        return False

    def _deliver(self, messages: Sequence[Arrival], feed: Feed) -> None:
        self._proved = True
        self._breaks = 0
        self._reach.heard()
        self._silent_s = self._patience.silent_s
        self._sink.deliver(messages, feed)
        if self._leases.count_of(feed) >= feed.hold // 2 and feed.heard_at - self._stirred_at > _STIR_S:
            self._stirred_at = feed.heard_at
            self._stir.set()
