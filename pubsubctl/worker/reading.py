"""Messages read as jobs, and what is wrong with those that are none of ours."""

from enum import Enum

from pubsubctl import wire
from pubsubctl.errors import MalformedMessage
from pubsubctl.worker.delivery import Delivery, Terms


class Unfit(Enum):
    """Why a message is not run here."""

    MALFORMED = "malformed"  # nobody can read it as a job
    FOREIGN = "foreign"  # it is a job of another store, whose workers may have it


class Reader:
    """Reads deliveries. Its owner holds a lock, so nothing is logged here: whoever reads the log may be slow."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms

    def read(self, delivery: Delivery) -> tuple[Unfit, str] | None:
        """Put the envelope into a delivery; why not, where there is none for us.

        Returns:
            With ``MALFORMED`` what is wrong, in one line for people; with ``FOREIGN`` the id of its store.
        """
        message = delivery.message
        try:
            envelope = wire.decode(
                message.data, message.attributes, message_id=message.message_id, route=self._terms.route
            )
        except MalformedMessage as error:
            return Unfit.MALFORMED, str(error)
        if envelope.store_id and envelope.store_id != self._terms.store_id:
            return Unfit.FOREIGN, envelope.store_id
        delivery.envelope = envelope
        return None
