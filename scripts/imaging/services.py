"""What ``compose.yaml`` says, started with an image's programs: each service as the first process of its own namespace.

All share one network, where each is reached by its name; so a second replica is given another port for its health.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from imaging.image import Image

UP_S = 60.0
_HEALTH_PORT = 8080


@dataclass
class Container:
    """One of a service.

    Attributes:
        name: of the service, with its number.
        process: what holds its namespace, and ends with its exit code.
        log: what it printed.
        healthy: the command that tells whether it is; empty: nobody asks.
        grace_s: what it has to stop, in seconds.
    """

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path
    healthy: list[str]
    grace_s: float

    @property
    def printed(self) -> str:
        """All of it."""
        return self.log.read_text(errors="replace")

    def stop(self, name: str) -> int:
        """As an engine does: a signal to its first process, and its end is waited for.

        Returns:
            The exit code, also where it has ended already; -9 where it had to be killed.
        """
        pid = self.process.pid
        if (ended := self.process.poll()) is not None:
            return ended
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it may end by itself just now
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                os.kill(int(child), signal.Signals[name])
        try:
            return self.process.wait(self.grace_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return -signal.SIGKILL


@dataclass
class Services:
    """Those of a project.

    Args:
        project: the folder with ``compose.yaml``.
        image: what they run.
        network: see ``alone``.
        folder: for volumes and logs.
    """

    project: Path
    image: Image
    network: str
    folder: Path
    containers: dict[str, list[Container]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.services: dict[str, dict[str, Any]] = yaml.safe_load((self.project / "compose.yaml").read_text())[
            "services"
        ]
        hosts = "127.0.0.1 localhost " + " ".join(self.services)
        (self.image.root / "etc/hosts").write_text(f"{hosts}\n")

    def up(self, name: str) -> None:
        """Start a service, once those that it depends on are as it wants them.

        Raises:
            RuntimeError: one of them is not, in time, or what it wants is not known here.
        """
        service = self.services[name]
        for other, wanted in service.get("depends_on", {}).items():
            if other not in self.containers:
                self.up(other)
            self._await(other, wanted["condition"])
        replicas = service.get("deploy", {}).get("replicas", 1)
        started = self.containers[name] = []
        # One by one, as each that was started has to be killed in the end.
        started.extend(self._started(name, number) for number in range(replicas))

    def up_all(self) -> None:
        """Start every service; see ``up``."""
        for name in self.services:
            if name not in self.containers:
                self.up(name)

    def logs(self) -> str:
        """What each container printed."""
        every = (one for several in self.containers.values() for one in several)
        return "\n".join(f"--- {container.name}\n{container.printed}" for container in every)

    def run(self, command: list[str], environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
        """A command in a new container."""
        line = self._line(command, environment)
        return subprocess.run(line, capture_output=True, text=True, timeout=UP_S, check=False)

    def environment(self, name: str) -> dict[str, str]:
        """A service's own."""
        return dict(self.services[name].get("environment", {}))

    def kill(self) -> None:
        """End whatever runs."""
        for container in (one for several in self.containers.values() for one in several):
            if container.process.poll() is None:
                container.process.kill()
                container.process.wait()

    def _started(self, name: str, number: int) -> Container:
        service = self.services[name]
        environment = self.environment(name)
        test = (
            [] if service.get("healthcheck", {}).get("disable") else service.get("healthcheck", {}).get("test", [])[1:]
        )
        healthy = test or ([] if "disable" in service.get("healthcheck", {}) else list(self.image.healthy))
        if number:
            port = _HEALTH_PORT + number
            environment["PUBSUBCTL_HOST_PORT"] = f"0.0.0.0:{port}"
            healthy = [word.replace(f":{_HEALTH_PORT}/", f":{port}/") for word in healthy]
        log = self.folder / f"{name}-{number}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                self._line([*self.image.entrypoint, *service.get("command", self.image.command)], environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        grace_s = float(service.get("stop_grace_period", "10s").removesuffix("s"))
        return Container(f"{name}-{number}", process, log, healthy, grace_s)

    def _line(self, command: list[str], environment: Mapping[str, str]) -> list[str]:
        volume = self.folder / "data"
        if not volume.exists():
            volume.mkdir(mode=0o755)
            owner = (self.image.root / "data").stat()  # a new volume is as the image has that folder
            os.chown(volume, owner.st_uid, owner.st_gid)
        inside = self.image.entered(command, environment, volumes={volume: "/data"})
        return ["ip", "netns", "exec", self.network, *inside]

    def _await(self, name: str, condition: str) -> None:
        give_up = time.monotonic() + UP_S
        for container in self.containers[name]:
            while not self._holds(container, condition):
                if time.monotonic() > give_up or container.process.poll() not in {None, 0}:
                    raise RuntimeError(f"{container.name} is not {condition}; it printed:\n{container.printed}")
                time.sleep(0.2)

    def _holds(self, container: Container, condition: str) -> bool:
        if condition == "service_started":
            return True
        if condition == "service_completed_successfully":
            return container.process.poll() == 0
        if condition != "service_healthy":
            raise RuntimeError(f"{container.name}: the condition {condition} is not known here")
        return not container.healthy or self.run(container.healthy, {}).returncode == 0
