"""A gateway's surroundings, real ones: the embedded broker, a store, a worker, a server."""

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pubsubctl import Client, Settings
from pubsubctl.broker.connection import Connection
from pubsubctl.broker.provision import Provisioner, Wanted
from pubsubctl.emulator import daemon
from pubsubctl.gateway.app import Gateway
from pubsubctl.gateway.server import Server
from pubsubctl.gateway.terms import Terms
from pubsubctl.state import State

HERE = Path(__file__).parent


def eventually(condition: Callable[[], bool], what: str, timeout_s: float = 40.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s: {what}"
        time.sleep(0.01)


@dataclass
class Answer:
    """What a server answered; names of headers are in lower case, repeated ones apart."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Asking:
    """A gateway that listens, and one way to ask it."""

    def __init__(self, address: str) -> None:
        self.address = address

    def __call__(
        self,
        method: str,
        target: str,
        body: bytes | Iterator[bytes] | None = None,
        headers: Mapping[str, str] | list[tuple[str, str]] = (),  # type: ignore[assignment]
        timeout_s: float = 60,
    ) -> Answer:
        connection = http.client.HTTPConnection(self.address, timeout=timeout_s)
        try:
            pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
            named = any(name.lower() == "host" for name, _ in pairs)
            connection.putrequest(method, target, skip_host=named, skip_accept_encoding=True)
            for name, value in pairs:
                connection.putheader(name, value)
            if isinstance(body, bytes):
                connection.putheader("Content-Length", str(len(body)))
            elif body is not None:
                connection.putheader("Transfer-Encoding", "chunked")
            connection.endheaders(body, encode_chunked=body is not None and not isinstance(body, bytes))
            answer = connection.getresponse()
            pairs = [(name.lower(), value) for name, value in answer.getheaders()]
            return Answer(answer.status, pairs, answer.read())
        finally:
            connection.close()


class Surroundings:
    """A folder with an emulator and a store; workers and gateways as the tests start them."""

    def __init__(self, folder: Path, **flags: str) -> None:
        self.folder = folder
        self._environment = {f"PUBSUBCTL_{name.upper()}": value for name, value in ({"lease": "10"} | flags).items()}
        self.state = State(folder / ".pubsubctl")
        self.state.create()
        daemon.start(self.state)
        self.settings = Settings.load(environ=self._environment, start=folder)
        with Connection(self.settings) as connection:
            provisioner = Provisioner(connection, self.settings, Wanted())
            list(provisioner.apply(provisioner.plan()))
        self.client = Client(self.settings)
        self._workers: list[subprocess.Popen[bytes]] = []

    def worker(self, *flags: str) -> subprocess.Popen[bytes]:
        environment = os.environ | {"PYTHONPATH": str(HERE)} | self._environment
        command = [sys.executable, "-m", "pubsubctl", "worker", "start", "echo_app:app", "-p", "1", *flags]
        with (self.folder / f"worker-{len(self._workers)}.log").open("wb") as log:
            process = subprocess.Popen(command, cwd=self.folder, env=environment, stdout=log, stderr=log)
        self._workers.append(process)
        eventually(
            lambda: any(each.pid == process.pid for each in self.client.store.workers()),
            what="the worker is ready",
        )
        return process

    @contextmanager
    def gateway(self, terms: Terms | None = None, **more: Any) -> Iterator[Asking]:
        gateway = Gateway(self.client, terms)
        server = Server(gateway.wsgi, "127.0.0.1:0", max_body=(terms or Terms()).max_body, **more)
        server.start()
        try:
            yield Asking(server.address)
        finally:
            gateway.close()
            server.close()

    def close(self) -> None:
        for worker in self._workers:
            if worker.poll() is None:
                worker.kill()
            worker.wait()
        self.client.close()
        daemon.stop(self.state)
