"""Messages on their way into a topic with a schema (cloud.google.com/pubsub/docs/associate-schema-topic)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc

from pubsubctl.emulator.embedded.schema.compiled import Compiled, reader, shortened
from pubsubctl.emulator.embedded.schema.problems import Mismatch
from pubsubctl.emulator.embedded.schema.revisions import History
from pubsubctl.emulator.embedded.status import Refusal, failed_precondition

ENCODINGS = {1: "JSON", 2: "BINARY"}
NAME = "googclient_schemaname"
ENCODING = "googclient_schemaencoding"
REVISION = "googclient_schemarevisionid"

# Reading more than this takes so long that others should not have to wait for it.
READ_HERE = 64 * 1024


async def validate(history: History, settings: Any, messages: Any) -> None:
    """See that each message fits a revision in the range of ``settings``, the newest first, and say which in it.

    Args:
        history: of the schema of ``settings``.
        settings: a SchemaSettings message.
        messages: PubsubMessages; none is changed unless all are in order.

    Raises:
        Refusal: as ``Schemas.validate``.
    """
    fitting = await _fitting(history, settings, [message.data for message in messages])
    encoding = ENCODINGS[settings.encoding]
    for message, revision in zip(messages, fitting, strict=True):
        attributes = message.attributes
        attributes[NAME] = history.name
        attributes[ENCODING] = encoding
        attributes[REVISION] = revision


async def check_message(schema: Compiled, encoding: int, data: bytes) -> None:
    """See that one message fits one schema.

    Raises:
        Refusal: INVALID_ARGUMENT: it does not.
    """
    for problem in (await _read(reader(schema, encoding), {0: data})).values():
        raise _refusal(schema, encoding, problem, {})


async def _fitting(history: History, settings: Any, bodies: list[bytes]) -> list[str]:
    """The ids of the revisions that the bodies fit."""
    revisions = history.between(settings.first_revision_id, settings.last_revision_id)
    if not revisions:
        raise failed_precondition(f"No revision of {history.name} is left in the topic's range (schema_settings)")
    fitting = [""] * len(bodies)
    left = dict(enumerate(bodies))
    for revision in revisions:
        schema = await revision.compiled()
        problems = await _read(reader(schema, settings.encoding), left)
        for index in left.keys() - problems.keys():
            fitting[index] = revision.id
        if not problems:
            return fitting
        left = {index: left[index] for index in problems}
    index, problem = next(iter(problems.items()))
    raise _refusal(
        schema,
        settings.encoding,
        f"messages[{index}]: {problem}",
        {
            "revisionInfo": f"Could not validate message with any schema revision for schema: {history.name}, "
            f"last checked revision: revision_id={revision.id} failed with status: {shortened(problem)}"
        },
    )


def _refusal(schema: Compiled, encoding: int, problem: str, metadata: dict[str, str]) -> Refusal:
    """INVALID_ARGUMENT, in the words of the service, and with what is wrong."""
    return Refusal(
        grpc.StatusCode.INVALID_ARGUMENT,
        f"Invalid data in message: Message failed schema validation. ({shortened(problem)})",
        reason=f"INVALID_{ENCODINGS[encoding]}_{schema.kind}_MESSAGE",
        metadata={"message": "Message failed schema validation", **metadata},
    )


async def _read(read: Callable[[bytes], None], bodies: dict[int, bytes]) -> dict[int, str]:
    """What is wrong with those of ``bodies`` that cannot be read; in a thread if there is much to read."""
    if sum(map(len, bodies.values())) > READ_HERE:
        return await asyncio.to_thread(_problems, read, bodies)
    return _problems(read, bodies)


def _problems(read: Callable[[bytes], None], bodies: dict[int, bytes]) -> dict[int, str]:
    found: dict[int, str] = {}
    for index, body in bodies.items():
        try:
            read(body)
        except Mismatch as error:
            found[index] = str(error)
    return found
