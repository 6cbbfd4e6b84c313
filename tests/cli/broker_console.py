"""The command line before a broker: the embedded one and Google's emulator, in a project of each test's own."""

import io
import itertools
import json
import sys
from dataclasses import dataclass
from typing import Any

import pytest
from google.pubsub_v1.types import PubsubMessage

from pubsubctl.broker.connection import Connection
from pubsubctl.cli.entry import run
from pubsubctl.settings import Settings

EMBEDDED_ALONE = pytest.mark.parametrize("console", ["embedded"], indirect=True)
"""What Google's emulator cannot do: update labels, detach."""

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


class Console:
    """Runs commands in this process."""

    def __init__(self, kind: str, address: str, patch: pytest.MonkeyPatch, captured: Any) -> None:
        self.kind = kind
        self.project = f"console-{next(_numbers)}"
        self._patch = patch
        self._captured = captured
        patch.setenv("PUBSUB_EMULATOR_HOST", address)
        patch.setenv("PUBSUBCTL_PROJECT", self.project)
        self.connection = Connection(Settings.load({}))

    def run(self, *arguments: str, given: bytes = b"") -> Done:
        self._patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        self._captured.readouterr()
        code = run(arguments)
        out, err = self._captured.readouterr()
        return Done(code, out, err)

    def text(self, *arguments: str) -> str:
        """What a command that succeeds prints."""
        done = self.run(*arguments)
        assert done.code == 0, done.err
        return done.out

    def json(self, *arguments: str) -> Any:
        return json.loads(self.text(*arguments, "--format", "json"))

    def refused(self, *arguments: str, code: int = 1) -> str:
        """The one line of a command that fails and prints nothing else."""
        done = self.run(*arguments)
        assert (done.code, done.out) == (code, ""), done
        assert done.err.count("\n") == 1, done.err
        assert done.err.startswith("pubsubctl: ")
        return done.err.removeprefix("pubsubctl: ").rstrip("\n")

    def path(self, collection: str, name: str) -> str:
        return f"projects/{self.project}/{collection}/{name}"

    def publish(self, topic: str, *data: bytes, **fields: Any) -> None:
        messages = [PubsubMessage(data=one, **fields) for one in data]
        self.connection.publisher.publish(topic=self.path("topics", topic), messages=messages)

    def pull(self, subscription: str, limit: int = 10) -> list[Any]:
        """What `subscriptions pull` shows, as JSON; what can be had at once."""
        return self.json("subscriptions", "pull", subscription, "--limit", str(limit), "--wait-timeout", "0")
