"""Asking a health server, politely and otherwise."""

import http.client
import json
import re
import socket
from dataclasses import dataclass
from typing import Any

from project import Project
from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def ask(address: str, path: str, method: str = "GET", *, timeout_s: float = 10.0, **headers: str) -> Answer:
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=timeout_s)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def connect(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=10)


def address_of(project: Project) -> str:
    """Where the newest worker says that it answers."""
    found = re.search(r"health and metrics at http://([\d.:]+)", project.log())
    assert found, project.log()
    return found.group(1)


def metrics(project: Project) -> dict[str, float]:
    """Samples of the newest worker by name, with the label's value where there is one label."""
    text = ask(address_of(project), "/metrics").body.decode()
    return {
        ":".join([sample.name, *sample.labels.values()]) if len(sample.labels) < 2 else sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
