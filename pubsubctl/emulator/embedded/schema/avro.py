"""A schema in Avro, ready for use."""

from __future__ import annotations

from collections.abc import Callable

from pubsubctl.emulator.embedded.schema.avro_binary import binary_reader
from pubsubctl.emulator.embedded.schema.avro_definition import parse_definition
from pubsubctl.emulator.embedded.schema.avro_json import json_reader
from pubsubctl.emulator.embedded.schema.avro_resolution import obstacle


class AvroSchema:
    """One definition; ``read_json`` and ``read_binary`` raise Mismatch if the bytes are no value of it."""

    kind = "AVRO"

    def __init__(self, definition: str) -> None:
        """Parse the definition.

        Raises:
            InvalidDefinition: it is none.
        """
        self._definition = parse_definition(definition)
        self.read_json: Callable[[bytes], None] = json_reader(self._definition)
        self.read_binary: Callable[[bytes], None] = binary_reader(self._definition)

    def incompatibility(self, earlier: AvroSchema) -> str | None:
        """Why this cannot be a revision beside ``earlier``: one of them cannot read what the other wrote."""
        return obstacle(earlier._definition, self._definition) or obstacle(self._definition, earlier._definition)
