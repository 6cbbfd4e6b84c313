"""A PostgreSQL server on a host, with data of its own."""

import contextlib
import os
import pwd
import socket
import subprocess
import time
from pathlib import Path

import postgres_server

from partitioning.hosts import Host

_PORT = 5432
_USER = "pubsubctl"
_START_S = 30.0
_LISTENING = ("-c", "listen_addresses=*", "-c", "unix_socket_directories=", "-c", "max_connections=200")
_MODEST = ("-c", "max_wal_size=256MB", "-c", "log_min_duration_statement=5s", "-c", "log_line_prefix=%m [%p] ")


class Database:
    """The server; started by ``start``, ended with its host."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._data = host.folder / "data"
        self.url = f"postgresql://{_USER}@{host.address}:{_PORT}/postgres"

    def start(self) -> None:
        """Make its data, start it, and wait until it takes connections."""
        programs = postgres_server.programs()
        assert programs is not None
        user = _somebody()  # it does not run as root
        self._data.mkdir(mode=0o700)
        os.chown(self._data, user.pw_uid, user.pw_gid)
        log = self._host.folder / "postgresql.log"
        made = ["initdb", "--pgdata", str(self._data), "--username", _USER, "--auth", "trust", "--encoding", "UTF8"]
        making = self._host.start([programs / made[0], *made[1:]], {}, log, user=user.pw_uid)
        if making.wait(_START_S):
            raise RuntimeError(f"initdb failed: {log.read_text()[-500:]}")
        with (self._data / "pg_hba.conf").open("a") as file:
            file.write("host all all 10.77.0.0/24 trust\n")
        command: list[str | Path] = [programs / "postgres", "-D", self._data, "-p", str(_PORT), *_LISTENING, *_MODEST]
        self._await(self._host.start(command, {}, log, user=user.pw_uid))

    def _await(self, process: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection((self._host.address, _PORT), 1):
                return
            time.sleep(0.1)
        raise RuntimeError("the PostgreSQL server does not start; see its log")


def _somebody() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")
