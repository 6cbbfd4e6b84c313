"""From a Schema message to what can read messages."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any, Protocol

from pubsubctl.emulator.embedded.schema.problems import InvalidDefinition
from pubsubctl.emulator.embedded.status import failed_precondition, invalid

PROTOCOL_BUFFER = 1
AVRO = 2
JSON = 1
BINARY = 2

DEFINITION_SIZE = 300_000
REASON_SIZE = 1_000


class Compiled(Protocol):
    """A schema ready for use, of either kind; reading raises Mismatch."""

    kind: str

    def read_json(self, data: bytes) -> None:
        """Read one message in JSON."""

    def read_binary(self, data: bytes) -> None:
        """Read one message in the binary encoding of its kind."""

    def incompatibility(self, earlier: Any) -> str | None:
        """Why this cannot be a revision beside ``earlier``, which is of the same kind."""


async def compiled(schema: Any) -> Compiled:
    """The schema that ``schema`` defines.

    Raises:
        Refusal: INVALID_ARGUMENT: it defines none. FAILED_PRECONDITION: what is needed for it is not installed.
    """
    if schema.type not in {PROTOCOL_BUFFER, AVRO}:
        raise invalid("Invalid schema type")
    _check_size(schema)
    try:
        return await _COMPILERS[schema.type](schema)
    except InvalidDefinition as error:
        raise invalid(f"Could not parse schema definition: {shortened(str(error))}") from error
    except RecursionError as error:
        raise invalid("Could not parse schema definition: it is nested too deep") from error


def reader(schema: Compiled, encoding: int) -> Callable[[bytes], None]:
    """What reads messages in ``encoding``."""
    return schema.read_json if encoding == JSON else schema.read_binary


def shortened(reason: str) -> str:
    """A reason that fits a status, which has to go into a header."""
    return reason if len(reason) <= REASON_SIZE else f"{reason[:REASON_SIZE]}..."


def _check_size(schema: Any) -> None:
    size = len(schema.definition.encode()) + len(schema.compiled_proto_schema.compiled_bytes)
    if size > DEFINITION_SIZE:
        raise invalid(f"The schema's definition has {size} bytes; at most {DEFINITION_SIZE} are allowed (definition)")


async def _avro(schema: Any) -> Compiled:
    if importlib.util.find_spec("fastavro") is None:
        raise failed_precondition("Avro schemas need fastavro: pip install 'pubsubctl[schemas]'")
    from pubsubctl.emulator.embedded.schema.avro import AvroSchema

    if not schema.definition:
        raise InvalidDefinition("it is empty")
    return AvroSchema(schema.definition)


async def _protobuf(schema: Any) -> Compiled:
    from pubsubctl.emulator.embedded.schema import protobuf_compiler

    if schema.HasField("compiled_proto_schema"):
        return protobuf_compiler.precompiled(schema.compiled_proto_schema)
    if not schema.definition:
        raise InvalidDefinition("it is empty")
    return await protobuf_compiler.compiled(schema.definition)


_COMPILERS = {AVRO: _avro, PROTOCOL_BUFFER: _protobuf}
