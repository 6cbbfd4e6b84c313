"""What every test stands on: limits for hypothesis, parts that need not be installed, Google's emulator.

``PUBSUBCTL_REQUIRE`` names the parts, separated by commas, that must be there: a test that lacks one then fails, where
it would be skipped otherwise. They are ``gcloud`` (the Google Cloud SDK with its Pub/Sub emulator, and Java),
``firestore`` (its Firestore emulator), ``node`` (with npm), ``postgresql`` (the programs of its server), ``hosts``
(what ``scripts/hosts`` needs: root, TUN devices, libfaketime and PostgreSQL), ``celery``, ``gcloud-aio-pubsub``,
``gcp-storage-emulator``, ``chromium`` (the browser), and ``peers`` (redis-server, and the packages that
``scripts/bench/peers.py`` measures).
"""

import functools
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import grpc
import pytest
import warm_copies
from hypothesis import settings
from node_modules import NotInstalled, installed
from postgres_server import PostgresServer, programs, running_server

# Time limits of single examples say more about the machine than about the code.
settings.register_profile("pubsubctl", deadline=None, max_examples=60)
settings.load_profile("pubsubctl")

# A shell that starts us in the background, or nohup, has us ignore them, and so would every process of ours that is to
# hear them.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

warm_copies.install()

JAR = "platform/pubsub-emulator/lib/*-all.jar"
START_S = 30
LIGHT = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
"""A quarter less of the processor's time: what compiles well for a server of days is lost on one of minutes."""


def lacking(part: str, reason: str) -> NoReturn:
    """End a test that needs a part which is not there: skipped, or failed if that part is required."""
    if part in os.environ.get("PUBSUBCTL_REQUIRE", "").split(","):
        pytest.fail(f"PUBSUBCTL_REQUIRE asks for {part}, but {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def lack() -> Callable[[str, str], NoReturn]:
    """``lacking``, for tests in other folders."""
    return lacking


@pytest.fixture(scope="session")
def node_libraries() -> Callable[[Path], Path]:
    """Makes the ``node_modules`` of a folder's lock file; in one process of tests, the group ``node``."""

    def of(folder: Path) -> Path:
        if shutil.which("node") is None or shutil.which("npm") is None:
            lacking("node", "node or npm is not installed")
        try:
            return installed(folder)
        except NotInstalled as error:
            lacking("node", str(error))

    return of


@pytest.fixture(scope="module")
def postgresql_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server of a module's own, which its tests may break."""
    if programs() is None:
        lacking("postgresql", "the programs of a PostgreSQL server are not installed")
    with running_server() as server:
        yield server


@functools.cache
def google_emulator() -> Path | str:
    """The jar of Google's emulator, or why there is none."""
    gcloud = shutil.which("gcloud")
    if gcloud is None or shutil.which("java") is None:
        return "gcloud or java is not installed"
    roots = [Path(gcloud).resolve().parent.parent, Path("/usr/lib/google-cloud-sdk")]
    jars = [jar for root in roots for jar in root.glob(JAR)]
    return jars[0] if jars else "the pubsub-emulator component of gcloud is not installed"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def gcloud_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Google's emulator, one for each process of tests."""
    jar = google_emulator()
    if isinstance(jar, str):
        lacking("gcloud", jar)
    port = free_port()
    output = tmp_path_factory.mktemp("gcloud") / "output"
    command = ["java", "-Xmx256m", *LIGHT, "-jar", str(jar), "--host=127.0.0.1", f"--port={port}"]
    with output.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=file) as process:
        address = f"127.0.0.1:{port}"
        with grpc.insecure_channel(address) as channel:
            grpc.channel_ready_future(channel).result(timeout=START_S)
        yield address
        process.send_signal(signal.SIGKILL)
