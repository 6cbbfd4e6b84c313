"""Keeps a stream from the broker open: subscribes anew whenever one has ended, or shows no life any more.

What a broker refuses for good (there is no such subscription, no permission) ends the worker only if no stream was
ever had: then it was started wrongly, and whoever did that is still looking. Later, somebody has taken away what was
there, and will most likely bring it back (a ``setup`` again, a restarted emulator that forgets everything, a changed
policy that is on its way). A worker that ended would have to be started again by hand on every machine, and would
take the jobs that run with it. So it says so once, is not ready, tries again at the pace of ``_LAST_PAUSE_S``, and goes
on by itself.
"""

import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import TimeoutError as NotYet
from typing import Protocol

from pubsubctl.broker.connection import Connection, answers
from pubsubctl.worker.delivery import Message
from pubsubctl.worker.followers import Followers
from pubsubctl.worker.meters import Meters
from pubsubctl.worker.presence import Presence
from pubsubctl.worker.reach import Reach, is_refusal, reason
from pubsubctl.worker.scheduler import DirectScheduler
from pubsubctl.worker.stream import Stream, connect, flow_control
from pubsubctl.worker.watchdog import Patience, StreamLost, StreamSilent, Watchdog, is_open

_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.2, 10.0
_LASTING_S = 30.0
"""How long a stream must have lived for the next one to be tried without delay."""


class Sink(Protocol):
    """Where deliveries go; see ``Execution``."""

    def deliver(self, message: Message, stream: object) -> None:
        """Take a message."""

    def abandon(self, stream: object) -> None:
        """Forget what came by a stream that has died."""

    def drain(self, timeout_s: float) -> None:
        """Give back what has not begun, end what runs."""

    def running_of(self, stream: object) -> int:
        """How many jobs run whose messages came by a stream."""

    def is_hungry(self) -> bool:
        """Whether it could run more than it was given."""


class Puller:
    """A thread that keeps a stream open until it is told to stop.

    Args:
        hold: the most messages to be held at once.
        most_deliveries: after how many deliveries the broker gives a message up; None where it never does.
        lease_s: how long a lease at the broker lasts; the client renews it.
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
        hold: int,
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
        self._hold = hold
        self._most_deliveries = math.inf if most_deliveries is None else most_deliveries // 2
        self._flow = flow_control(hold=hold, lease_s=lease_s)
        self._drain_timeout_s = drain_timeout_s
        self._on_hopeless = on_hopeless
        self._meters = meters or Meters()
        self._reach = Reach(connection.address.place, broker or Presence("the broker is back"))
        self._jobs_wait = waiting
        self._patience = patience or Patience()
        self._silent_s = self._patience.silent_s
        self._stop = threading.Event()
        self._stream: Stream | None = None
        self._proved = False
        self._drained = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="puller", daemon=True)

    @property
    def trouble(self) -> str | None:
        """Why nothing can be pulled now, one line; None while a stream is open, or has just been asked for."""
        return self._reach.trouble

    @property
    def held(self) -> int:
        """How many messages are leased now."""
        stream = self._stream
        leaser = None if stream is None else stream.manager.leaser
        return 0 if leaser is None else int(leaser.message_count)

    @property
    def waiting(self) -> int:
        """How many of these are not of jobs that run: nobody else is sent them while they wait here."""
        stream = self._stream
        return 0 if stream is None else max(0, self.held - self._sink.running_of(stream.scheduler))

    @property
    def listens(self) -> bool:
        """Whether a stream is open at this moment."""
        stream = self._stream
        return stream is not None and is_open(stream.manager)

    def start(self) -> None:
        """Begin pulling."""
        self._thread.start()

    def stop(self) -> None:
        """Stop pulling, let the sink drain, return when every ack has been sent or the client has given up on it."""
        with self._lock:
            self._stop.set()
            if self._stream is not None:
                self._stream.future.cancel()
        if self._thread.is_alive():
            self._thread.join()

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
            self._reach.lost(error)
            pause = _FIRST_PAUSE_S if time.monotonic() - began > _LASTING_S else pause
            self._rest(pause)
            pause = min(pause * 2, _LAST_PAUSE_S)
        if not self._drained:  # there was no stream whose end would have done it
            self._sink.drain(self._drain_timeout_s)

    def _rest(self, pause_s: float) -> None:
        """Wait before the next stream: at least so long, and until there is a broker."""
        self._stop.wait(pause_s)
        while not self._stop.is_set() and not self._broker_answers():
            self._stop.wait(self._patience.trouble_look_s)

    # --- one stream -------------------------------------------------------------------------------------------------

    def _pull(self) -> BaseException | None:
        """Keep one stream open until it ends; returns why, None if we ended it."""
        scheduler = DirectScheduler(self._stream_ended)
        client, stream = None, None
        try:
            client = self._connection.streaming()
            connect(client, self._stop)
            with self._lock:
                if self._stop.is_set():
                    return None
                stream = self._stream = Stream(
                    client,
                    self._subscription,
                    scheduler,
                    lambda message: self._deliver(message, scheduler),
                    self._flow,
                    tries_s=self._patience.tries_s,
                )
                self._meters.streams += 1
            self._follow(stream)
        except Exception as error:  # noqa: BLE001 - whatever ended it, another stream is tried
            return error
        finally:
            with self._lock:
                self._stream = None
            if stream is not None:
                stream.close()
            elif client is not None:
                client.close()
        return None

    def _follow(self, stream: Stream) -> None:
        """Wait for the end of a stream, and bring it about where it shows no life.

        Raises:
            StreamLost: it was given up.
            Exception: why the client gave it up.
        """
        watchdog = Watchdog(
            stream.manager,
            stream.scheduler,
            patience=self._patience,
            silent_s=self._silent_s,
            waiting=self._jobs_wait,
        )
        followers = Followers(stream.manager, self._hold, most_deliveries=self._most_deliveries)
        while not self._has_ended(stream, self._look_s(watchdog, followers)):
            if stream.scheduler.ended_at is not None:
                self._let_end(stream, StreamLost("the client gives it up"))
            if followers.are_stuck() and self._sink.is_hungry():
                followers.give_back()
            lost = self._look(stream, watchdog)
            if lost is not None and not self._stop.is_set():
                stream.end(lost)
                self._let_end(stream, lost)

    def _look_s(self, watchdog: Watchdog, followers: Followers) -> float:
        soon = self.trouble or watchdog.suspects or followers.are_in_the_way()
        return self._patience.trouble_look_s if soon else self._patience.look_s

    def _has_ended(self, stream: Stream, within_s: float) -> bool:
        try:
            stream.future.result(timeout=within_s)
        except NotYet:
            if not stream.future.done():
                return False
            raise
        return True

    def _let_end(self, stream: Stream, reason: StreamLost) -> None:
        """Give a stream that ends a little time: its threads may hang, or try for minutes what they try."""
        if not self._has_ended(stream, self._patience.end_s) and not self._drained:
            raise reason

    def _look(self, stream: Stream, watchdog: Watchdog) -> StreamLost | None:
        answering = self._broker_answers()
        lost = watchdog.look(answers=answering)
        if isinstance(lost, StreamSilent):
            self._silent_s = min(2 * self._silent_s, self._patience.most_silent_s)
        elif lost is None and answering and is_open(stream.manager) and stream.age_s >= self._patience.look_s:
            self._proved = True
            self._reach.found()
        return lost

    def _broker_answers(self) -> bool:
        if answers(self._connection.address):
            return True
        self._reach.unanswered()
        return False

    def _deliver(self, message: Message, stream: DirectScheduler) -> None:
        if stream.ended_at is not None:  # and whoever asked for it has forgotten it
            message.nack()
            return
        self._proved = True
        self._reach.heard()
        self._silent_s = self._patience.silent_s
        self._sink.deliver(message, stream)

    def _stream_ended(self, stream: object) -> None:
        if self._stop.is_set():
            self._drained = True
            self._sink.drain(self._drain_timeout_s)
        else:
            self._sink.abandon(stream)
