"""The broker inside the calling process, for tests and short-lived use."""

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from pubsubctl.emulator.embedded.clock import Clock
from pubsubctl.emulator.embedded.deliveries import Window
from pubsubctl.emulator.embedded.faults import Faults
from pubsubctl.emulator.embedded.serve import Serving

T = TypeVar("T")


class EmbeddedBroker:
    """A broker that serves from a thread of this process while the context lasts.

    ::

        with EmbeddedBroker(data_dir=tmp_path) as broker:
            os.environ["PUBSUB_EMULATOR_HOST"] = broker.address
    """

    def __init__(
        self,
        data_dir: Path | str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        durability: str = "full",
        clock: Clock | None = None,
        faults: Faults | None = None,
        window: Window | None = None,
    ) -> None:
        """Nothing happens before the context is entered.

        Args:
            data_dir: where the message log is, or will be.
            host: the address to listen at.
            port: the port; 0 takes a free one.
            durability: ``full``, ``normal`` or ``memory``.
            clock: read instead of the machine's.
            faults: what to break.
            window: how much of a backlog may be in memory.
        """
        self._data_dir = Path(data_dir)
        self._host_port = f"{host}:{port}"
        self._options: dict[str, Any] = {"durability": durability, "clock": clock, "faults": faults, "window": window}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="embedded-broker", daemon=True)
        self._serving: Serving | None = None

    @property
    def address(self) -> str:
        """``host:port``, for PUBSUB_EMULATOR_HOST."""
        assert self._serving is not None, "the broker serves only inside its with block"
        return self._serving.address

    def start(self) -> Self:
        """Serve; what ``with`` does on entering.

        Raises:
            EmulatorError: it cannot be started.
        """
        self._thread.start()
        try:
            self._serving = self._call(Serving.start(self._data_dir, host_port=self._host_port, **self._options))
        except BaseException:
            self._end_loop()
            raise
        return self

    def stop(self) -> None:
        """Write what is pending and serve no more; what ``with`` does on leaving."""
        if self._serving is not None:
            self._call(self._serving.stop())
            self._serving = None
            self._end_loop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
