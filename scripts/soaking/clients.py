"""google-cloud-pubsub's clients, as the soak uses them."""

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.cloud import pubsub_v1

PAUSE_S = 0.2
T = TypeVar("T")


class GaveUp(Exception):
    """An RPC was refused for too long."""


class WitnessingSubscriber(pubsub_v1.SubscriberClient):
    """The subscriber client, with a witness of the acks that were answered: the client calls more of them successful.

    An error without details, as of a connection that broke, is a success to its futures.
    """

    def __init__(self, witness: Callable[[Sequence[str]], None]) -> None:
        super().__init__()
        self._witness = witness

    def acknowledge(self, **fields: Any) -> None:
        """Acknowledge, and tell the witness if all of it was answered for."""
        super().acknowledge(**fields)
        self._witness(fields["ack_ids"])


def insist(call: Callable[[], T], within_s: float, *, fine: tuple[type[GoogleAPICallError], ...] = ()) -> T | None:
    """Call until it is answered; None where one of ``fine`` says that it was done before.

    Raises:
        GaveUp: it was not, in time.
    """
    give_up = time.monotonic() + within_s
    while True:
        try:
            return call()
        except fine:
            return None
        except (GoogleAPICallError, RetryError) as error:
            if time.monotonic() > give_up:
                raise GaveUp(str(error)) from error
        time.sleep(PAUSE_S)
