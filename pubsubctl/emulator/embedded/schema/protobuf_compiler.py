"""Protocol Buffers definitions: compiled by protoc, in a process of its own, which may crash or hang alone."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
import tempfile
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2
from google.protobuf.message import DecodeError

from pubsubctl.emulator.embedded.schema.problems import InvalidDefinition
from pubsubctl.emulator.embedded.schema.protobuf import ProtobufSchema
from pubsubctl.emulator.embedded.status import failed_precondition

TIMEOUT_S = 20.0

_SOURCE = "schema.proto"
_OUTPUT = "schema.binpb"


async def compiled(definition: str) -> ProtobufSchema:
    """The schema of a definition as protoc reads it.

    Raises:
        InvalidDefinition: it is none, has an import, or has not exactly one type at the top level.
        Refusal: FAILED_PRECONDITION: protoc is not installed.
    """
    if importlib.util.find_spec("grpc_tools") is None:
        raise failed_precondition("Protocol Buffers schemas need protoc: pip install 'pubsubctl[schemas]'")
    files = await _run_protoc(definition)
    file = files.file[0]
    if file.dependency:
        raise InvalidDefinition(f"imports are not supported: {', '.join(file.dependency)}")
    if len(file.message_type) != 1 or file.enum_type:
        types = [one.name for one in file.message_type] + [one.name for one in file.enum_type]
        raise InvalidDefinition(
            f"exactly one message type is allowed at the top level, not {', '.join(types) or 'none'}"
        )
    package = f"{file.package}." if file.package else ""
    return ProtobufSchema(files, package + file.message_type[0].name)


def precompiled(configuration: Any) -> ProtobufSchema:
    """The schema of a CompiledProtoSchema: a FileDescriptorSet and the name of a message type in it.

    Raises:
        InvalidDefinition: it is none.
    """
    try:
        files = descriptor_pb2.FileDescriptorSet.FromString(configuration.compiled_bytes)
    except DecodeError as error:
        raise InvalidDefinition(f"compiled_bytes is no FileDescriptorSet: {error}") from error
    return ProtobufSchema(files, configuration.root_message.removeprefix("."))


async def _run_protoc(definition: str) -> descriptor_pb2.FileDescriptorSet:
    with tempfile.TemporaryDirectory(prefix="pubsubctl-schema-") as folder:
        Path(folder, _SOURCE).write_text(definition, encoding="utf-8")
        command = (sys.executable, "-m", "grpc_tools.protoc", "-I.", f"--descriptor_set_out={_OUTPUT}", _SOURCE)
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        errors = await _ended(process)
        if process.returncode:
            raise InvalidDefinition(_summary(errors))
        return descriptor_pb2.FileDescriptorSet.FromString(Path(folder, _OUTPUT).read_bytes())


async def _ended(process: asyncio.subprocess.Process) -> bytes:
    """Wait for the process and return what it said; however this ends, the process has ended."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return (await process.communicate())[1]
    except TimeoutError as error:
        raise InvalidDefinition(f"protoc did not read it within {TIMEOUT_S:g} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _summary(errors: bytes) -> str:
    """What protoc said, in one line, with places as ``line:column``."""
    lines = errors.decode(errors="replace").replace(f"{_SOURCE}:", "").splitlines()
    said = [line for line in lines if "parser.cc" not in line and not line.startswith("WARNING: All log messages")]
    return "; ".join(said) or "protoc failed"
