"""A host: a network namespace with one link, a clock that may be wrong, and what runs there."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from partitioning import needs
from partitioning.leftovers import CODE_PATH, Claim, kill_all
from partitioning.network import Network
from partitioning.switch import LINK

CLOCKWORK = Path(__file__).parent / "clockwork"
_NET = "10.77.0"
_WITH_MEMORY = ("sh", "-c", 'mount -t tmpfs tmpfs /dev/shm && exec "$@"', "sh")
"""What is put there goes with the processes; ``ip netns exec`` has given them mounts of their own."""


class Host:
    """One of them, once it is ``plug``-ged in.

    Args:
        claim: the run that it is of.
        name: what people call it.
        number: the last part of its address.
        ahead_s: how far its clock is ahead of the others.

    Attributes:
        folder: what its processes work in.
    """

    def __init__(self, claim: Claim, network: Network, name: str, number: int, *, ahead_s: int = 0) -> None:
        self.name = name
        self.address = f"{_NET}.{number}"
        self.namespace = f"{claim.name}-{name}"
        self.ahead_s = ahead_s
        self.folder = claim.folder / name
        self._network = network

    def plug(self) -> None:
        """Make it, and connect it."""
        self.folder.mkdir(mode=0o755)
        _ip("netns", "add", self.namespace)
        self._network.connect(self.address, self.namespace)
        _ip("-n", self.namespace, "address", "add", f"{self.address}/24", "dev", LINK)
        _ip("-n", self.namespace, "link", "set", "lo", "up")
        self.link("up")

    def link(self, state: str) -> None:
        """Pull the cable (``down``), or put it in again (``up``)."""
        _ip("-n", self.namespace, "link", "set", LINK, state)

    def vanish(self) -> None:
        """Lose the link and everything that runs, for good and without a word."""
        self._network.disconnect(self.address)
        kill_all(self.namespace)

    def start(
        self, command: Sequence[str | Path], environment: Mapping[str, str], log: Path, *, user: int | None = None
    ) -> "subprocess.Popen[bytes]":
        """Start a process on it."""
        with log.open("ab") as output:
            return subprocess.Popen(
                ["ip", "netns", "exec", self.namespace, *_WITH_MEMORY, *_as_user(user), *self._clock(), *command],
                cwd=self.folder,
                env=os.environ | environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def _clock(self) -> list[str]:
        """The time of day is wrong, and the steady clock is what it is everywhere."""
        if not self.ahead_s:
            return []
        wrong = {
            "LD_PRELOAD": str(needs.faketime()),
            "FAKETIME": f"{self.ahead_s:+d}s",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",  # else waits by the steady clock end at once, and threads spin
            "PYTHONPATH": os.pathsep.join((str(CLOCKWORK), CODE_PATH)),
        }
        return ["env", *(f"{name}={value}" for name, value in wrong.items())]


def _as_user(user: int | None) -> list[str]:
    return [] if user is None else ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
