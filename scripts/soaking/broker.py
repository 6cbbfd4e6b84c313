"""The embedded emulator as a process: its lives, each ended by SIGKILL, and the faults of each."""

import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

START_S = 20.0
DISTURBING = ("duplicate", "drop-ack", "nack")


class Died(Exception):
    """The emulator ended by itself, or did not start."""


class BrokerProcess:
    """One data directory and one address, in one life after the other.

    Attributes:
        address: host:port.
        life: the number of the present life; it rises just before the emulator is killed.
        listening: the number of the latest life that got as far as to listen.
        is_killed: whether the present life has not begun yet.
        restarts_s: how long each restart took, until the port was open.
        rss_mib: the resident memory of each life, shortly before its end.
    """

    def __init__(self, data: Path, chaos: str) -> None:
        """Nothing runs before ``start``.

        Args:
            data: directory of the message log, and of what the emulator prints.
            chaos: faults of every second life; in the others those are left out that disturb deliveries and acks.
        """
        self.address = f"127.0.0.1:{_free_port()}"
        self.life = 0
        self.listening = 0
        self.is_killed = True
        self.restarts_s: list[float] = []
        self.rss_mib: list[float] = []
        self._data = data
        self._plans = (_without_disturbing(chaos), chaos)
        self._calm: set[int] = set()
        self._process: subprocess.Popen[bytes] | None = None
        self._moment: str | None = None
        self._lock = threading.Lock()

    def start(self, *, chaos: str | None = None) -> None:
        """Begin a life, with the faults of its turn unless others are given.

        Raises:
            Died: it did not listen in time.
        """
        plan = self._plans[self.life % 2] if chaos is None else chaos
        if plan == _without_disturbing(plan):
            self._calm.add(self.life)
        command = [sys.executable, "-m", "pubsubctl.emulator.embedded", "--data", str(self._data / "log")]
        command += ["--host-port", self.address, "--chaos", plan, "--durability", "full"]
        started = time.monotonic()
        self._moment = None
        with (self._data / "output").open("ab") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
        self.is_killed = False
        while not self._listens():
            if time.monotonic() > started + START_S:
                raise Died(f"the emulator did not listen within {START_S:g} s: {self._said()}")
            time.sleep(0.01)
        self.listening = self.life
        self.restarts_s.append(time.monotonic() - started)

    def arm(self, moment: str) -> None:
        """Let it be killed at the next moment of that kind: as soon as a ``publish``, an ``ack``, a ... is answered."""
        self._moment = moment

    def passes(self, moment: str) -> None:
        """Tell that such a moment is now; it is killed by this very call if it was waited for."""
        if moment == self._moment:
            self._strike()

    def kill(self) -> None:
        """SIGKILL, unless that has happened; wait until it is gone.

        Raises:
            Died: it ended by itself.
        """
        self.check()
        self._strike()
        assert self._process is not None
        self._process.wait()

    def end(self) -> None:
        """SIGKILL if it runs."""
        self._strike()
        if self._process is not None:
            self._process.wait()

    def check(self) -> None:
        """See that it runs, or was killed by us.

        Raises:
            Died: it ended by itself.
        """
        status = self._process.poll() if self._process is not None else None
        if status is not None and not self.is_killed:
            raise Died(f"the emulator ended by itself with status {status}: {self._said()}")

    def calm_life(self) -> int | None:
        """The present life, if nothing disturbs deliveries in it."""
        life = self.life
        return life if life in self._calm else None

    def median_restart_s(self) -> float:
        """The median of all starts."""
        return statistics.median(self.restarts_s)

    def _strike(self) -> None:
        with self._lock:
            if self.is_killed:
                return
            assert self._process is not None
            self.is_killed = True
            self.life += 1
            self._process.kill()

    def note_rss(self) -> None:
        """Take note of the resident memory, while there is some."""
        assert self._process is not None
        self.rss_mib.append(_rss_mib(self._process.pid))

    def _listens(self) -> bool:
        self.check()
        host, port = self.address.split(":")
        with socket.socket() as probe:
            return probe.connect_ex((host, int(port))) == 0

    def _said(self) -> str:
        return (self._data / "output").read_text(errors="replace")[-2_000:]


def _without_disturbing(chaos: str) -> str:
    kept = [part for part in chaos.split(",") if part.partition("=")[0].strip() not in DISTURBING]
    return ",".join(kept) or "off"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _rss_mib(pid: int) -> float:
    """What is known of it: nothing, where there is no /proc."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
