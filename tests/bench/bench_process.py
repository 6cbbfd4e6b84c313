"""A script of ``scripts/bench`` as a process, and every process that it starts."""

import contextlib
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

BENCH = Path(__file__).parents[2] / "scripts" / "bench"
PEERS = (str(BENCH / "peers.py"), "--rounds", "1")
GROWTH = (str(BENCH / "growth.py"), "--lots", "1")
RUN_S = 100


def run(
    script: Sequence[str], *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A run to its end."""
    return subprocess.run(
        [sys.executable, *script, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=False,
    )


@contextlib.contextmanager
def running(script: Sequence[str], *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A run, which is killed if it still runs at the end of the context."""
    command = [sys.executable, *script, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def alive(pids: Iterable[int]) -> list[int]:
    """Those that are there and no zombies."""
    from racing.processes import stat

    return [pid for pid in pids if (fields := stat(pid)) and fields[0] != "Z"]


def commands(pid: int) -> dict[int, str]:
    """The command line of each process below this one, by its id."""
    from racing.processes import tree

    found = {}
    for each in tree([pid])[1:]:
        with contextlib.suppress(OSError):
            found[each] = Path(f"/proc/{each}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found
