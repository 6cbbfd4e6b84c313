"""Where faults can be injected: each hook is called at one point of a message's way and does nothing here."""


class Faults:
    """No faults. A subclass overrides what it wants to break.

    ``active`` says whether anything may go wrong with a delivery or an ack; while it is false, those hooks are not
    called. Every delivery waits ``delay_s`` seconds.
    """

    active = False
    delay_s = 0.0

    async def before_rpc(self, method: str) -> None:
        """An RPC arrived; raise a ``Refusal`` to fail it, or wait to slow it down."""

    def before_commit(self) -> None:
        """A group is about to be committed, in the log's thread; raise ``sqlite3.Error`` to fail it."""

    def drops_ack(self) -> bool:
        """Whether an ack that has just come is lost, though its sender hears nothing of that."""
        return False

    def nacks(self) -> bool:
        """Whether a message that has just been sent is refused, as if by its taker."""
        return False

    def duplicates(self) -> bool:
        """Whether a message that has just been sent is delivered once more."""
        return False

    def disconnects(self) -> bool:
        """Whether a stream ends instead of sending its next response."""
        return False
