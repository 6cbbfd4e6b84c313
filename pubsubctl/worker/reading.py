"""Messages read as jobs, and what is wrong with those that are none of ours."""

import logging
from enum import Enum

from pubsubctl import wire
from pubsubctl.errors import MalformedMessage
from pubsubctl.worker.delivery import Delivery, Terms

_log = logging.getLogger("pubsubctl.worker")


class Unfit(Enum):
    """Why a message is not run here."""

    MALFORMED = "malformed"  # nobody can read it as a job
    FOREIGN = "foreign"  # it is a job of another store, whose workers may have it


class Reader:
    """Reads deliveries. Its owner holds a lock."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._foreign_stores: set[str] = set()

    def read(self, delivery: Delivery) -> tuple[Unfit, str] | None:
        """Put the envelope into a delivery; why not, in one line for people, where there is none for us."""
        message = delivery.message
        try:
            envelope = wire.decode(
                message.data, message.attributes, message_id=message.message_id, route=self._terms.route
            )
        except MalformedMessage as error:
            job_id = f"msg-{message.message_id}"
            _log.warning(
                "message %s is malformed, and goes to the dead letters: %s",
                message.message_id,
                error,
                extra={"job_id": job_id},
            )
            return Unfit.MALFORMED, str(error)
        if envelope.store_id and envelope.store_id != self._terms.store_id:
            self._tell_of(envelope.store_id, message.message_id)
            return Unfit.FOREIGN, envelope.store_id
        delivery.envelope = envelope
        return None

    def _tell_of(self, store_id: str, message_id: str) -> None:
        """Once for each store."""
        if store_id not in self._foreign_stores:
            self._foreign_stores.add(store_id)
            _log.error(
                "message %s is of another store (%s, ours is %s) and is not run: its submitter would wait for ever; "
                "give workers and submitters of a subscription the same --store",
                message_id,
                store_id,
                self._terms.store_id,
            )
