"""Tells the store which messages the broker itself has given up, so that no job waits for one that never comes.

The broker's own dead-letter policy is a backstop: after so many deliveries without an ack it moves a message to the
dead-letter topic, whoever it was that did not ack it. ``setup`` makes a subscription of what it has moved there, which
workers share; the ordinary one on that topic is left to people and other consumers.
"""

import logging
import threading
from collections.abc import Mapping

from pubsubctl.broker.connection import Connection
from pubsubctl.broker.deadletter import has_other_subscriptions, returned_path
from pubsubctl.broker.longpoll import LongPoll, Received
from pubsubctl.errors import BrokerError, BrokerUnreachable, PubsubctlError, ResourceNotFound
from pubsubctl.settings import Settings
from pubsubctl.store.base import Store
from pubsubctl.worker.presence import Presence
from pubsubctl.worker.returns import Returns
from pubsubctl.worker.troubles import Troubles

_log = logging.getLogger("pubsubctl.worker")

_AT_ONCE = 20
_WAIT_S = 60.0
_TRIAL_WAIT_S = 1.0
"""How long to wait for messages while it is not known whether the broker is back: only an answer tells."""
_POSTPONED_S = 3
"""When a message that is left to another worker comes again."""
_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.5, 5.0
_STORE, _BROKER, _REFUSED = "store", "broker", "refused"
_TROUBLES = {
    _STORE: (
        "what the broker has given up cannot be noted; it is kept and tried again: %s",
        "what the broker has given up is noted again",
    ),
    _BROKER: (
        "the broker is away, which is looked at again and again: %s",
        "the broker is back",
    ),
    _REFUSED: (
        "what the broker has given up cannot be pulled; such jobs come again after a day: %s",
        "what the broker has given up is pulled again",
    ),
}


class Reconciler:
    """A thread that waits for what the broker gives up; idle, it costs one call a minute. Every worker may have one.

    Args:
        settings: the names, and the route of messages without a path.
        shared: the ``broker`` and the ``store``, as other parts of the worker miss them too.
    """

    def __init__(
        self,
        store: Store,
        connection: Connection,
        settings: Settings,
        shared: Mapping[str, Presence] | None = None,
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._subscription = returned_path(settings)
        self._returns = Returns(store, settings)
        self._poll = LongPoll(connection, self._subscription)
        self._received: list[Received] = []
        self._unacked: list[str] = []
        self._pause_s = _FIRST_PAUSE_S
        self._missed = False
        self._troubles = Troubles(_TROUBLES, "reconciler", shared or {})
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reconciler", daemon=True)

    def start(self) -> None:
        """Begin waiting."""
        self._thread.start()

    def close(self, timeout_s: float = 30.0) -> None:
        """End; what is in hand and not noted yet comes again, to whichever worker asks next."""
        self._closing.set()
        self._poll.end()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        self._warn_of_nobody()
        while not self._closing.is_set():
            try:
                self._turn()
            except ResourceNotFound:
                self._miss()
            except BrokerUnreachable as error:
                self._troubles.began(_BROKER, error)
            except BrokerError as error:
                self._troubles.began(_REFUSED, error)
            except PubsubctlError as error:
                self._troubles.began(_STORE, error)
            else:
                self._pause_s = _FIRST_PAUSE_S
                continue
            self._closing.wait(self._pause_s)
            self._pause_s = min(_LAST_PAUSE_S, 2 * self._pause_s)

    def _turn(self) -> None:
        """One step: what fails is done again by the next call, and what was done is not."""
        if not self._received and not self._unacked:
            wrong = self._missed or _BROKER in self._troubles or _REFUSED in self._troubles
            self._received = self._poll.pull(_AT_ONCE, wait_s=_TRIAL_WAIT_S if wrong else _WAIT_S)
            self._missed = False
            self._troubles.over(_REFUSED)
        if self._received:
            self._unacked = self._returns.note(self._received)
            left = {each.ack_id for each in self._received}.difference(self._unacked)
            self._received = []
            self._troubles.over(_STORE)
            if left:
                self._poll.postpone(list(left), _POSTPONED_S)
        if self._unacked:
            self._poll.acknowledge(self._unacked)
            self._unacked = []
        self._troubles.over(_BROKER)

    def _warn_of_nobody(self) -> None:
        try:
            heard = has_other_subscriptions(self._connection, self._settings)
        except PubsubctlError:
            return  # whatever it is, it is told when there is something to publish or to pull
        if not heard:
            _log.warning(
                "no subscription keeps what comes to the dead-letter topic %s, so other consumers get no dead letters "
                "(the store keeps them all); `pubsubctl setup` creates one",
                self._settings.dead_letter_topic_path,
            )

    def _miss(self) -> None:
        if not self._missed:
            _log.info(
                "there is no subscription %s, so jobs whose message the broker gives up come again only after a day; "
                "`pubsubctl setup` creates it",
                self._subscription,
            )
        self._missed = True
