"""What is told of the way to the broker: a line for each change of state, and why nothing can be pulled now."""

from google.api_core import exceptions

from pubsubctl.credentials.troubles import plain
from pubsubctl.worker.presence import Presence
from pubsubctl.worker.watchdog import StreamSilent

_REFUSALS = (exceptions.NotFound, exceptions.Forbidden, exceptions.Unauthorized, exceptions.BadRequest)
_PULLER = "puller"


def is_refusal(error: BaseException | None) -> bool:
    """Whether the broker is there and refuses: somebody has to change something before it does not."""
    return isinstance(error, _REFUSALS)


class Reach:
    """Tells how it goes with the broker. Any thread may call it.

    Args:
        place: where the broker is.
        broker: whether it is there, as others may know too.
    """

    def __init__(self, place: str, broker: Presence) -> None:
        self._place = place
        self._broker = broker
        self._subscription = Presence("the broker takes the subscription again")
        self._messages = Presence("messages come again")

    @property
    def trouble(self) -> str | None:
        """Why nothing can be pulled, one line; None while nothing is known to be wrong."""
        return self._subscription.trouble or self._broker.trouble

    def lost(self, error: BaseException | None) -> None:
        """Streams end, one after another, or bring nothing."""
        if is_refusal(error):
            self._subscription.missed_by(
                _PULLER,
                f"the broker refuses the subscription, which is tried again until it does not: {reason(error)}; "
                "`pubsubctl setup` creates what is missing",
            )
        elif isinstance(error, StreamSilent):
            self._messages.missed_by(
                _PULLER,
                f"no message has come for {error}, though jobs wait; the stream is opened anew, and again from time "
                "to time",
            )
        else:
            self._broker.missed_by(_PULLER, f"the stream from the broker has ended, another is opened: {reason(error)}")

    def unanswered(self) -> None:
        """Nothing listens where the broker should be."""
        self._broker.missed_by(_PULLER, f"no broker answers at {self._place}; the stream goes on when it is back")

    def found(self) -> None:
        """A stream is open."""
        self._subscription.found_by(_PULLER)
        self._broker.found_by(_PULLER)

    def heard(self) -> None:
        """A message has come."""
        self.found()
        self._messages.found_by(_PULLER)


def reason(error: BaseException | None) -> str:
    """The first line of what an error says."""
    lines = str(error or "").strip().splitlines()
    return plain(lines[0]) if lines and lines[0] != "None" else f"{type(error).__name__}, which does not say why"
