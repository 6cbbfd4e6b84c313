"""The embedded emulator as a process of its own, to be killed and limited."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from pubsub_kit import Broker


class BrokerProcess:
    """``python -m pubsubctl.emulator.embedded`` on one data directory, started as often as wanted."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self._host_port = "127.0.0.1:0"
        self._process: subprocess.Popen[str] | None = None
        self._clients: list[Broker] = []

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> Broker:
        """Start it, at the same address as the last time, and return new clients."""
        command = [sys.executable, "-m", "pubsubctl.emulator.embedded", "--data", str(self.data)]
        self._process = subprocess.Popen(
            [*command, "--host-port", self._host_port], stdout=subprocess.PIPE, text=True, bufsize=1
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("listening at "), line
        self._host_port = line.split()[-1]
        self._clients.append(Broker("embedded", self._host_port))
        return self._clients[-1]

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self._end(signal.SIGKILL)

    def terminate(self) -> int:
        """SIGTERM; the exit status."""
        return self._end(signal.SIGTERM)

    def close(self) -> None:
        for clients in self._clients:
            clients.close()
        if self._process is not None:
            self.kill()

    def _end(self, number: int) -> int:
        assert self._process is not None
        if self._process.poll() is None:
            os.kill(self._process.pid, number)
        status = self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None
        return status
