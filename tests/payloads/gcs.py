"""Google Cloud Storage as gcp-storage-emulator has it, in a process of its own."""

import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BUCKET = "bodies"
MISSING = None if importlib.util.find_spec("gcp_storage_emulator") else "gcp-storage-emulator is not installed"


@contextmanager
def served(folder: Path, port: int) -> Iterator[str]:
    """Its address, while it runs."""
    command = [sys.executable, "-m", "gcp_storage_emulator", "-d", str(folder), "start"]
    command += ["-H", "127.0.0.1", "--port", str(port), "--default-bucket", BUCKET, "-q"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ)
    try:
        _wait_for(port, process, folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, "the emulator does not listen"
            time.sleep(0.05)
