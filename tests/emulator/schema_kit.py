"""What tests of schemas and policies work on without a server: the real log and its writer, in an event loop."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import grpc
import pytest

from pubsubctl.emulator.embedded.changes import Changes
from pubsubctl.emulator.embedded.clock import SystemClock
from pubsubctl.emulator.embedded.committer import Committer
from pubsubctl.emulator.embedded.faults import Faults
from pubsubctl.emulator.embedded.log import Log
from pubsubctl.emulator.embedded.protocol import message_class
from pubsubctl.emulator.embedded.schema.registry import Schema, Schemas
from pubsubctl.emulator.embedded.schema.service import SchemaService
from pubsubctl.emulator.embedded.status import Refusal

T = TypeVar("T")

PARENT = "projects/p"
NAME = f"{PARENT}/schemas/orders"
PROTOCOL_BUFFER, AVRO = 1, 2
JSON, BINARY = 1, 2

SchemaSettings = message_class("google.pubsub.v1.SchemaSettings")
PubsubMessage = message_class("google.pubsub.v1.PubsubMessage")


def record(*fields: dict[str, Any]) -> str:
    """The Avro definition of a record."""
    return json.dumps({"type": "record", "name": "R", "fields": list(fields)})


def field(name: str, kind: Any, **more: Any) -> dict[str, Any]:
    """A field of a record."""
    return {"name": name, "type": kind, **more}


TEXT = field("a", "string")
OPTIONAL = field("q", ["null", "string"], default=None)
FIRST = record(TEXT)
SECOND = record(TEXT, OPTIONAL)
THIRD = record(TEXT, OPTIONAL, field("n", "int", default=0))
# A message that FIRST takes alone.
OLD = b'{"a": "x"}'
NUMBER = 'syntax = "proto3"; message M { int32 n = 1; }'


def avro(definition: str = FIRST) -> Any:
    """A Schema message in Avro."""
    return Schema(type=AVRO, definition=definition)


def proto(definition: str) -> Any:
    """A Schema message in Protocol Buffers."""
    return Schema(type=PROTOCOL_BUFFER, definition=definition)


def messages(*data: bytes) -> list[Any]:
    """Messages as a publish brings them."""
    return [PubsubMessage(data=one) for one in data]


def request(rpc: str, /, **fields: Any) -> Any:
    """A request message of google.pubsub.v1."""
    return message_class(f"google.pubsub.v1.{rpc}Request")(**fields)


def settings(**more: object) -> object:
    """A topic's settings: the schema of these tests, in JSON unless ``more`` says otherwise."""
    return SchemaSettings(**{"schema": NAME, "encoding": JSON, **more})


class Site:
    """The log of a broker, what writes to it, and the schemas in it."""

    def __init__(self, path: Path, faults: Faults | None = None) -> None:
        self.log = Log(path / "broker.db")
        clock = SystemClock()
        self.committer = Committer(self.log, clock=clock, faults=faults or Faults(), before=lambda _group: None)
        self.changes = Changes(self.log, self.committer)
        self.schemas = Schemas(self.log, self.changes, clock)
        self.service = SchemaService(self.schemas)
        self.committer.start()

    async def close(self) -> None:
        await self.changes.finish()
        await self.committer.close()
        self.log.close()

    async def create(self, definition: str = FIRST, *more: str) -> list[str]:
        """A schema in Avro with these definitions; its revisions' ids."""
        made = [await self.schemas.create(NAME, avro(definition))]
        made += [await self.schemas.commit(NAME, avro(one)) for one in more]
        return [revision.id for revision in made]


def run(path: Path, work: Callable[[Site], Awaitable[T]], *, faults: Faults | None = None) -> T:
    """Open the log in ``path``, do ``work``, and close it again."""

    async def working() -> T:
        site = Site(path, faults)
        try:
            return await work(site)
        finally:
            await site.close()

    return asyncio.run(working())


async def fits(site: Site, *data: bytes, **more: object) -> list[str]:
    """The revisions that published messages are told to be of."""
    published = messages(*data)
    await site.schemas.validate(settings(**more), published)
    return [message.attributes["googclient_schemarevisionid"] for message in published]


async def refusal(work: Awaitable[Any]) -> Refusal:
    """How ``work`` is refused."""
    with pytest.raises(Refusal) as caught:
        await work
    return caught.value


async def refused(work: Awaitable[Any], code: grpc.StatusCode, text: str = "") -> None:
    """See that ``work`` is refused with this status and a text with ``text`` in it."""
    error = await refusal(work)
    assert error.code is code, error.text
    assert text in error.text
