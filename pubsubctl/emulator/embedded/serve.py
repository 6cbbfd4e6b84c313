"""A broker with its server, from opening the data directory to closing it."""

import errno
import os
import socket
import sqlite3
from pathlib import Path
from typing import Any

import grpc.aio

from pubsubctl.emulator.embedded.broker import Broker
from pubsubctl.emulator.embedded.clock import Clock
from pubsubctl.emulator.embedded.deliveries import Window
from pubsubctl.emulator.embedded.faults import Faults
from pubsubctl.emulator.embedded.layout import unusable
from pubsubctl.emulator.embedded.lock import DataLock
from pubsubctl.emulator.embedded.log import Log
from pubsubctl.emulator.embedded.server import make_server
from pubsubctl.errors import EmulatorError

DATABASE = "broker.db"
GRACE_S = 1.0


class Serving:
    """A broker that serves. Made by ``start`` in the event loop that it runs in."""

    def __init__(self, lock: DataLock, broker: Broker, host_port: str) -> None:
        self._lock = lock
        self.broker = broker
        self._server = make_server(broker)
        self.address = _bind(self._server, host_port)

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
    ) -> "Serving":
        """Open what is in ``data_dir`` and answer RPCs at ``host_port``; port 0 takes a free one.

        Raises:
            EmulatorError: the directory is in use, its log cannot be opened, or the port is taken.
        """
        database = data_dir / DATABASE
        lock = _lock(database)
        try:
            broker = _open(database, durability, clock=clock, faults=faults, window=window)
            try:
                serving = cls(lock, broker, host_port)
                await serving._server.start()
            except BaseException:
                await broker.close()
                raise
        except BaseException:
            lock.release()
            raise
        lock.tell(serving.address)
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
        await self._server.stop(GRACE_S)
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


def _bind(server: grpc.aio.Server, host_port: str) -> str:
    host = host_port.rpartition(":")[0]
    try:
        port = server.add_insecure_port(host_port)
    except RuntimeError:
        port = 0
    if not port:
        raise EmulatorError(f"cannot listen at {host_port}: {_obstacle(host_port)}; name another --host-port")
    return f"{host}:{port}"


def _obstacle(host_port: str) -> str:
    """Why one cannot listen there, which gRPC does not tell."""
    host, _, port = host_port.rpartition(":")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        return f"{host} is no host that is known here ({error.strerror})"
    try:
        with socket.socket(family, kind, protocol) as probe:
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return "the port is taken"
        if error.errno == errno.EADDRNOTAVAIL:
            return f"{host} is no address of this machine"
        return os.strerror(error.errno or 0)
    return "the port is taken, or not ours"
