"""Google's Firestore emulator, one for a process of tests: started when it is first asked for, ended with it."""

import atexit
import contextlib
import functools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import grpc

from pubsubctl.emulator.gcloud.leash import Leash

VARIABLE = "FIRESTORE_EMULATOR_HOST"
JAR = "platform/cloud-firestore-emulator/cloud-firestore-emulator.jar"
MAIN = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
START_S = 60

LIGHT = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
"""Two fifths less of the processor's time: what compiles well for a server of days is lost on one of minutes."""


class Emulator:
    """One run of it, which nothing outlives: a leash ends it even where this process is killed."""

    def __init__(self) -> None:
        jar = found()
        assert isinstance(jar, Path), jar
        self.address = f"127.0.0.1:{_free_port()}"
        self._leash = Leash()
        command = ["java", "-Xmx768m", *LIGHT, "-Duser.language=en", "-cp", str(jar), MAIN, "start"]
        host, _, port = self.address.partition(":")
        with tempfile.TemporaryFile() as output:
            self.process = subprocess.Popen(
                self._leash.join([*command, f"--host={host}", f"--port={port}"]),
                stdin=subprocess.DEVNULL,
                stdout=self._leash.end,
                stderr=output,
                start_new_session=True,
            )
        with grpc.insecure_channel(self.address, options=[("grpc.enable_http_proxy", 0)]) as channel:
            grpc.channel_ready_future(channel).result(timeout=START_S)

    def kill(self) -> None:
        """End it as nobody would wish."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._leash.let_go()


@functools.cache
def shared() -> Emulator:
    """The one that tests share; each has a project of its own in it."""
    emulator = Emulator()
    atexit.register(emulator.kill)
    return emulator


def found() -> Path | str:
    """Where it is, or why it is not there."""
    gcloud = shutil.which("gcloud")
    if gcloud is None or shutil.which("java") is None:
        return "gcloud or java is not installed"
    roots = [Path(gcloud).resolve().parent.parent, Path("/usr/lib/google-cloud-sdk")]
    jars = [root / JAR for root in roots if (root / JAR).is_file()]
    return jars[0] if jars else "the cloud-firestore-emulator component of gcloud is not installed"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
