"""A broker with its server, from opening the data directory to closing it."""

import sqlite3
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from pubsubctl.emulator.embedded.admin import make_handlers
from pubsubctl.emulator.embedded.broker import Broker
from pubsubctl.emulator.embedded.clock import Clock
from pubsubctl.emulator.embedded.deliveries import Window
from pubsubctl.emulator.embedded.entrance import Entrance
from pubsubctl.emulator.embedded.faults import Faults
from pubsubctl.emulator.embedded.layout import unusable
from pubsubctl.emulator.embedded.lock import DataLock
from pubsubctl.emulator.embedded.log import Log
from pubsubctl.emulator.embedded.rpcs import make_rpcs
from pubsubctl.errors import EmulatorError

DATABASE = "broker.db"
GRACE_S = 1.0


class Serving:
    """A broker that serves. Made by ``start`` in the event loop that it runs in.

    Attributes:
        broker: what is served.
        address: host:port, for gRPC and REST.
        admin: the emulator's own requests, by HTTP method and path; others may be added.
    """

    def __init__(
        self, lock: DataLock, broker: Broker, host_port: str, on_shutdown: Callable[[], object] | None
    ) -> None:
        rpcs = make_rpcs(broker)
        self._lock = lock
        self.broker = broker
        self.admin = make_handlers(broker, rpcs, on_shutdown)
        self._entrance = Entrance(rpcs, self.admin, host_port)
        self.address = self._entrance.address

    @classmethod
    async def start(
        cls,
        data_dir: Path,
        *,
        host_port: str = "127.0.0.1:0",
        durability: str = "full",
        clock: Clock | None = None,
        faults: Faults | None = None,
        window: Window | None = None,
        on_shutdown: Callable[[], object] | None = None,
    ) -> "Serving":
        """Open what is in ``data_dir`` and answer requests at ``host_port``; port 0 takes a free one.

        Args:
            data_dir: where the message log is, or will be.
            host_port: where to listen.
            durability: ``full``, ``normal`` or ``memory``.
            clock: read instead of the machine's.
            faults: what to break.
            window: how much of a backlog may be in memory.
            on_shutdown: called when a client asks for the end of the process; without it, that is refused.

        Raises:
            EmulatorError: the directory is in use or cannot be written, its log cannot be opened, or the port is taken.
        """
        database = data_dir / DATABASE
        async with AsyncExitStack() as undo:
            lock = _lock(database)
            undo.callback(lock.release)
            broker = _open(database, durability, clock=clock, faults=faults, window=window)
            undo.push_async_callback(broker.close)
            serving = cls(lock, broker, host_port, on_shutdown)
            undo.push_async_callback(serving._entrance.close, 0)
            await serving._entrance.open()
            _tell(lock, serving.address)
            undo.pop_all()
        return serving

    def check_files(self) -> None:
        """See that what is written still goes where the next run looks for it.

        Raises:
            EmulatorError: the data directory was removed, or its lock.
        """
        if not self._lock.is_in_place():
            raise EmulatorError(f"{self._lock.path} was removed: what would be published now would be lost; start anew")

    async def stop(self) -> None:
        """End streams and calls, write what is pending, and let go of the directory."""
        # Streams end first, or the server would wait for them; then no call comes in, so the log gets no more.
        self.broker.end_streams()
        await self._entrance.close(GRACE_S)
        await self.broker.close()
        self._lock.release()


def _open(database: Path, durability: str, **options: Any) -> Broker:
    log = Log(database, durability=durability)
    try:
        return Broker(log, **options)
    except sqlite3.DatabaseError as error:
        log.close()
        raise unusable(database, "read", error) from error


def _lock(database: Path) -> DataLock:
    try:
        database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return DataLock(database)
    except OSError as error:
        raise EmulatorError(f"cannot use {database.parent}: {error.strerror}; name another --data-dir") from error


def _tell(lock: DataLock, address: str) -> None:
    try:
        lock.tell(address)
    except OSError as error:
        raise EmulatorError(
            f"cannot write {lock.path}: {error.strerror}; make room, or name another --data-dir"
        ) from error
