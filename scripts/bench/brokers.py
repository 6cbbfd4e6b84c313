"""The emulators that are compared: how each is started and ended, and what it takes to run."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from loads import PROJECT, Failure, wait_for
from racing.usage import peak_rss_mib

EMBEDDED = "embedded"
JAR = "Google's"
GCLOUD = "by gcloud"
SETTLE_S = 1.0
END_S = 10.0
POLL_S = 0.002


@dataclass(frozen=True)
class Server:
    """A running emulator, and how long it took from its start to the answer to its first RPC."""

    address: str
    group: int
    first_rpc_s: float

    def rss_mib(self) -> float:
        """The resident memory of all its processes."""
        return sum(map(_rss_mib, _members(self.group)))

    def idle_rss_mib(self) -> float:
        """The same a moment after the first RPC."""
        time.sleep(SETTLE_S)
        return self.rss_mib()

    def peak_rss_mib(self) -> float:
        """The largest resident memory that any of its processes ever had."""
        return max(map(peak_rss_mib, _members(self.group)))

    def kill(self) -> None:
        """SIGKILL."""
        os.killpg(self.group, signal.SIGKILL)


def contestants(notes: list[str]) -> list[str]:
    """The emulators that can be started here; why one cannot be goes to ``notes``."""
    found = google_jar()
    if isinstance(found, str):
        notes.append(f"Google's emulator was not measured: {found}.")
        return [EMBEDDED]
    return [EMBEDDED, JAR, GCLOUD]


def google_jar() -> Path | str:
    """The jar of Google's emulator, or why there is none."""
    gcloud = shutil.which("gcloud")
    if gcloud is None or shutil.which("java") is None:
        return "gcloud or java is not installed"
    roots = [Path(gcloud).resolve().parent.parent, Path("/usr/lib/google-cloud-sdk")]
    jars = [jar for root in roots for jar in root.glob("platform/pubsub-emulator/lib/*-all.jar")]
    return jars[0] if jars else "the pubsub-emulator component of gcloud is not installed"


@contextmanager
def start(kind: str, data: Path, timeout_s: float) -> Iterator[Server]:
    """One emulator as a process, or a group of them, while the context lasts.

    Raises:
        Failure: it ended, or did not answer in time.
    """
    port = _free_port()
    output = data / "output"
    environment = {**os.environ, "CLOUDSDK_CORE_DISABLE_PROMPTS": "1"}
    command = _COMMANDS[kind](data, port)
    with output.open("wb") as file:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=file, stderr=file, env=environment, start_new_session=True)
    try:
        _first_rpc(port, process, output, timeout_s)
        yield Server(f"127.0.0.1:{port}", process.pid, time.perf_counter() - started)
    finally:
        _end(process)


def _embedded(data: Path, port: int) -> list[str]:
    command = [sys.executable, "-m", "pubsubctl.emulator.embedded", "--data", str(data / "log")]
    return [*command, "--host-port", f"127.0.0.1:{port}", "--durability", "full"]


def _java(_data: Path, port: int) -> list[str]:
    return ["java", "-jar", str(google_jar()), "--host=127.0.0.1", f"--port={port}"]


def _gcloud(data: Path, port: int) -> list[str]:
    command = ["gcloud", "beta", "emulators", "pubsub", "start", f"--project={PROJECT}"]
    return [*command, f"--data-dir={data}", f"--host-port=127.0.0.1:{port}"]


_COMMANDS: dict[str, Callable[[Path, int], list[str]]] = {EMBEDDED: _embedded, JAR: _java, GCLOUD: _gcloud}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _first_rpc(port: int, process: subprocess.Popen[bytes], output: Path, timeout_s: float) -> None:
    """Ask as soon as the port is open, so that the wait is not gRPC's own before it connects again."""

    def is_open() -> bool:
        if process.poll() is not None:
            said = output.read_text(errors="replace")[-1_000:]
            raise Failure(f"{' '.join(process.args)} ended with status {process.returncode}: {said}")  # type: ignore[arg-type]
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_for(is_open, timeout_s, f"{process.args!r} listens")
    wait_for(lambda: _answers(port, timeout_s), timeout_s, f"{process.args!r} answers")


def _answers(port: int, timeout_s: float) -> bool:
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        ask = channel.unary_unary("/google.pubsub.v1.Publisher/ListTopics")
        try:
            ask(b"\x0a\x0eprojects/%b" % PROJECT.encode(), timeout=timeout_s)
        except grpc.RpcError:
            return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the leader to end, then see that nothing of the group is left."""
    with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
        process.send_signal(signal.SIGTERM)
        process.wait(END_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(END_S)


def _members(group: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            # The name of the program, in parentheses, may hold anything.
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                found.append(int(entry.name))
    return found


def _rss_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
