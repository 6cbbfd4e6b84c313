"""The embedded emulator as a process."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

STOP_S = 15


@contextlib.contextmanager
def running_emulator(data: Path, host_port: str = "127.0.0.1:0") -> Iterator[str]:
    """Run one on a data directory, and give its address."""
    command = [sys.executable, "-m", "pubsubctl.emulator.embedded", "--data", str(data), "--host-port", host_port]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        try:
            assert line.startswith("listening at "), line
            yield line.split()[-1]
        finally:
            process.terminate()
            assert process.wait(STOP_S) == 0
