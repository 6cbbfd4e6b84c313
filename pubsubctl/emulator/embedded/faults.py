"""Where faults can be injected: each hook is called at one point of a message's way and does nothing here."""


class Faults:
    """No faults. A subclass overrides what it wants to break."""

    async def before_rpc(self, method: str) -> None:
        """An RPC arrived; raise a ``Refusal`` to fail it, or wait to slow it down."""

    def before_commit(self) -> None:
        """A group is about to be committed, in the log's thread; raise ``sqlite3.Error`` to fail it."""
