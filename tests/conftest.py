"""What every test stands on: limits for hypothesis, and Google's emulator where it is installed.

``PUBSUBCTL_REQUIRE=gcloud`` makes a missing Google emulator an error instead of a skip.
"""

import functools
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from hypothesis import settings

# Time limits of single examples say more about the machine than about the code.
settings.register_profile("pubsubctl", deadline=None, max_examples=60)
settings.load_profile("pubsubctl")

JAR = "platform/pubsub-emulator/lib/*-all.jar"
START_S = 30


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
        if "gcloud" in os.environ.get("PUBSUBCTL_REQUIRE", "").split(","):
            pytest.fail(f"PUBSUBCTL_REQUIRE asks for Google's emulator, but {jar}")
        pytest.skip(jar)
    port = free_port()
    output = tmp_path_factory.mktemp("gcloud") / "output"
    command = ["java", "-Xmx256m", "-jar", str(jar), "--host=127.0.0.1", f"--port={port}"]
    with output.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=file) as process:
        address = f"127.0.0.1:{port}"
        with grpc.insecure_channel(address) as channel:
            grpc.channel_ready_future(channel).result(timeout=START_S)
        yield address
        process.send_signal(signal.SIGKILL)
