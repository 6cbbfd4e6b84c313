"""Redis, as a process of its own in a temporary folder."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from racing.processes import free_port, running, wait_open

PROGRAM = "redis-server"
INSTALL = "apt install redis-server, brew install redis, or https://redis.io/downloads"
_START_S = 10.0
# Every write is on the disk before it is answered: what is the default for pubsubctl.
_DURABLE = ("--appendonly", "yes", "--appendfsync", "always")


@dataclass(frozen=True)
class Redis:
    """A running server."""

    pid: int
    url: str


def is_missing() -> bool:
    """Whether there is none on this machine."""
    return shutil.which(PROGRAM) is None


def version() -> str:
    """Of the server, such as ``7.0.15``."""
    said = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
    return next(word.removeprefix("v=") for word in said.split() if word.startswith("v="))


@contextmanager
def redis(folder: Path, *, durable: bool) -> Iterator[Redis]:
    """A server with its default configuration (snapshots), or one that is as durable as it can be.

    Raises:
        Failure: it does not start.
    """
    port, log = free_port(), folder / "redis"
    command = [PROGRAM, "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)]
    with running([*command, *(_DURABLE if durable else ())], log) as process:
        wait_open(port, process, log, _START_S)
        yield Redis(process.pid, f"redis://127.0.0.1:{port}/0")
