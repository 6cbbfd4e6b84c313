"""What the tests of the REST API talk to an emulator with: plain HTTP, and bare sockets."""

import base64
import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pubsub_kit import Broker

TIMEOUT_S = 15.0


@dataclass(frozen=True)
class Answer:
    """A response."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def error(self) -> Any:
        """Status, code and text of an error."""
        error = self.json["error"]
        assert error["code"] == self.status
        return self.status, error["status"], error["message"]


def ask(address: str, method: str, target: str, body: Any = None, **headers: str) -> Answer:
    """One request over a connection of its own; a body that is no bytes is sent as JSON."""
    with connection(address) as made:
        return ask_over(made, method, target, body, **headers)


@contextmanager
def connection(address: str) -> Iterator[http.client.HTTPConnection]:
    made = http.client.HTTPConnection(address, timeout=TIMEOUT_S)
    try:
        yield made
    finally:
        made.close()


def ask_over(made: http.client.HTTPConnection, method: str, target: str, body: Any = None, **headers: str) -> Answer:
    """One request over a connection that may have been used before."""
    content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    made.request(method, target, content, {"Content-Type": "application/json", **fields})
    response = made.getresponse()
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())


def dial(address: str) -> socket.socket:
    """A bare connection."""
    host, _, port = address.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), TIMEOUT_S)


def read_until(sock: socket.socket, end: bytes) -> bytes:
    """What comes up to and with ``end``, or until the other side closes."""
    content = b""
    while end not in content and (read := sock.recv(65_536)):
        content += read
    return content


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def decoded(text: str) -> bytes:
    return base64.b64decode(text)


class Rest:
    """Requests to one broker, in the project of a test; a path that begins with a slash is taken as it is."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.address = broker.address

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        return ask(self.address, method, self.target(path), body, **headers)

    def target(self, path: str) -> str:
        return path if path.startswith("/") else f"/v1/projects/{self.broker.project}/{path}"

    def subscription(self, **settings: Any) -> str:
        """A subscription, and a topic of the same id, both made over gRPC."""
        topic = self.broker.topic()
        return self.broker.subscription(topic, **settings).split("/", 2)[2]
