"""Schemas in the embedded broker: kept in the log, changed one at a time, applied to what is published."""

import asyncio
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from grpc import StatusCode
from schema_kit import (
    AVRO,
    BINARY,
    FIRST,
    JSON,
    NAME,
    OPTIONAL,
    PARENT,
    SECOND,
    TEXT,
    THIRD,
    SchemaSettings,
    Site,
    avro,
    field,
    messages,
    proto,
    record,
    refusal,
    refused,
    request,
    run,
)

from pubsubctl.emulator.embedded import Faults
from pubsubctl.emulator.embedded.schema import protobuf_compiler
from pubsubctl.emulator.embedded.schema.compiled import DEFINITION_SIZE

NEW = b'{"a": "x", "q": {"string": "y"}}'
OLD = b'{"a": "x"}'
NUMBER = 'syntax = "proto3"; message M { int32 n = 1; }'


def settings(**more: object) -> object:
    return SchemaSettings(**{"schema": NAME, "encoding": JSON, **more})


async def fits(site: Site, *data: bytes, **more: object) -> list[str]:
    """The revisions that published messages are told to be of."""
    published = messages(*data)
    await site.schemas.validate(settings(**more), published)
    return [message.attributes["googclient_schemarevisionid"] for message in published]


class FullDisk(Faults):
    def __init__(self) -> None:
        self.full = False

    def before_commit(self) -> None:
        if self.full:
            raise sqlite3.OperationalError("database or disk is full")


class SlowDisk(Faults):
    def before_commit(self) -> None:
        time.sleep(0.2)


# In the log


def test_schemas_are_there_after_a_restart(tmp_path: Path) -> None:
    async def make(site: Site) -> list[str]:
        return await site.create(FIRST, SECOND)

    async def look(site: Site) -> list[tuple[str, str, int]]:
        revisions = site.schemas.find(NAME).revisions.values()
        return [(one.id, one.schema.definition, one.position) for one in revisions]

    first, second = run(tmp_path, make)
    assert run(tmp_path, look) == [(first, FIRST, 1), (second, SECOND, 2)]


def test_a_deleted_revision_still_bounds_a_range_after_a_restart(tmp_path: Path) -> None:
    async def make(site: Site) -> list[str]:
        ids = await site.create(FIRST, SECOND, THIRD)
        await site.schemas.delete_revision(NAME, ids[1])
        return ids

    first, second, third = run(tmp_path, make)

    async def publish(site: Site) -> None:
        assert await fits(site, OLD, first_revision_id=first, last_revision_id=second) == [first]
        await refused(fits(site, OLD, first_revision_id=second), StatusCode.INVALID_ARGUMENT)
        assert await fits(site, b'{"a": "x", "q": null, "n": 1}', first_revision_id=second) == [third]

    run(tmp_path, publish)


def test_a_further_revision_comes_after_a_deleted_one(tmp_path: Path) -> None:
    async def make(site: Site) -> None:
        _, second = await site.create(FIRST, SECOND)
        await site.schemas.delete_revision(NAME, second)

    async def commit(site: Site) -> int:
        return (await site.schemas.commit(NAME, avro(SECOND))).position

    run(tmp_path, make)
    assert run(tmp_path, commit) == 3


def test_nothing_of_a_deleted_schema_is_left(tmp_path: Path) -> None:
    deleted: list[str] = []

    async def told(name: str) -> None:
        deleted.append(name)

    async def make(site: Site) -> None:
        site.schemas.on_delete = told
        _, second = await site.create(FIRST, SECOND)
        await site.schemas.delete_revision(NAME, second)
        await site.schemas.delete(NAME)
        assert site.log.rows("SELECT * FROM schemas") == []

    run(tmp_path, make)
    assert deleted == [NAME]


def test_what_could_not_be_written_is_not_there(tmp_path: Path) -> None:
    disk = FullDisk()

    async def work(site: Site) -> None:
        first, second = await site.create(FIRST, SECOND)
        disk.full = True
        for change in (
            site.schemas.create(f"{NAME}2", avro()),
            site.schemas.commit(NAME, avro(THIRD)),
            site.schemas.roll_back(NAME, first),
            site.schemas.delete_revision(NAME, first),
            site.schemas.delete(NAME),
        ):
            await refused(change, StatusCode.RESOURCE_EXHAUSTED)
        assert list(site.schemas.by_name) == [NAME]
        assert list(site.schemas.find(NAME).revisions) == [first, second]

    run(tmp_path, work, faults=disk)


def test_a_change_whose_caller_went_away_is_made(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        creating = asyncio.create_task(site.schemas.create(NAME, avro()))
        await asyncio.sleep(0.05)
        creating.cancel()
        await site.changes.finish()
        assert len(site.log.rows("SELECT * FROM schemas")) == 1
        assert len(site.schemas.find(NAME).revisions) == 1

    run(tmp_path, work, faults=SlowDisk())


def test_of_schemas_made_at_once_under_one_name_one_is_there(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        made = await asyncio.gather(*(site.schemas.create(NAME, avro()) for _ in range(5)), return_exceptions=True)
        assert sorted(type(one).__name__ for one in made) == ["Refusal"] * 4 + ["Revision"]

    run(tmp_path, work)


def test_commits_made_at_once_keep_to_twenty_revisions(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        await site.create(FIRST)
        commits = (site.schemas.commit(NAME, avro(FIRST)) for _ in range(25))
        made = await asyncio.gather(*commits, return_exceptions=True)
        assert sum(isinstance(one, Exception) for one in made) == 6
        assert len(site.schemas.find(NAME).revisions) == 20
        latest = site.schemas.find(NAME).latest.id
        await refused(site.schemas.roll_back(NAME, latest), StatusCode.RESOURCE_EXHAUSTED, "delete one of")

    run(tmp_path, work)


# Definitions


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (avro(""), "it is empty"),
        (proto(""), "it is empty"),
        (avro("{"), "it is no JSON"),
        (avro("[" * 100_000), "it is no JSON"),
        (proto("message M {"), "1:12: "),
        (proto('import "google/protobuf/empty.proto"; message M {}'), "imports are not supported"),
        (proto('import "other.proto"; message M {}'), "other.proto: File not found"),
        (proto("message A {} message B {}"), "exactly one message type is allowed at the top level, not A, B"),
        (proto('syntax = "proto3"; message A {} enum B { C = 0; }'), "not A, B"),
        (proto('syntax = "proto3";'), "not none"),
        (avro(" " * (DEFINITION_SIZE + 1)), "at most 300000 are allowed (definition)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_definition_that_is_none_is_refused(tmp_path: Path, schema: object, text: str) -> None:
    async def work(site: Site) -> None:
        await refused(site.schemas.create(NAME, schema), StatusCode.INVALID_ARGUMENT, text)
        asked = request("ValidateSchema", parent=PARENT, schema=schema)
        await refused(site.service.validate_schema(asked, None), StatusCode.INVALID_ARGUMENT, text)
        assert not site.schemas.by_name

    run(tmp_path, work)


def test_without_protoc_the_text_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "grpc_tools", None)

    async def work(site: Site) -> None:
        creating = site.schemas.create(NAME, proto(NUMBER))
        await refused(creating, StatusCode.FAILED_PRECONDITION, "pip install 'pubsubctl[schemas]'")
        await site.create(FIRST)

    run(tmp_path, work)


def test_without_fastavro_the_text_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def make(site: Site) -> None:
        await site.create(FIRST)

    async def work(site: Site) -> None:
        for refusing in (site.schemas.commit(NAME, avro(SECOND)), fits(site, OLD)):
            await refused(refusing, StatusCode.FAILED_PRECONDITION, "pip install 'pubsubctl[schemas]'")
        await site.schemas.create(f"{NAME}2", proto(NUMBER))

    run(tmp_path, make)
    monkeypatch.setitem(sys.modules, "fastavro", None)
    run(tmp_path, work)


def test_a_protoc_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protobuf_compiler, "TIMEOUT_S", 0)
    started: list[asyncio.subprocess.Process] = []
    start = asyncio.create_subprocess_exec

    async def starting(*command: str, **options: Any) -> asyncio.subprocess.Process:
        started.append(await start(*command, **options))
        return started[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", starting)

    async def work(site: Site) -> None:
        await refused(site.schemas.create(NAME, proto(NUMBER)), StatusCode.INVALID_ARGUMENT, "within 0 s")
        [protoc] = started
        assert protoc.returncode is not None  # which it has once it was waited for

    run(tmp_path, work)


def test_a_broker_answers_others_while_protoc_runs(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        creating = asyncio.create_task(site.schemas.create(NAME, proto(NUMBER)))
        longest = 0.0
        while not creating.done():
            before = time.monotonic()
            await asyncio.sleep(0)
            longest = max(longest, time.monotonic() - before)
        await creating
        assert longest < 0.5

    run(tmp_path, work)


# Revisions


@pytest.mark.parametrize(
    ("definition", "problem"),
    [
        (record(TEXT, field("z", "int")), "R.z is missing in the other, and has no default"),
        (record(field("a", "int")), "R.a: string is not compatible with int"),
        (record(), "R.a is missing in the other, and has no default"),
    ],
)
def test_a_revision_that_does_not_go_with_an_earlier_one_is_refused(
    tmp_path: Path, definition: str, problem: str
) -> None:
    async def work(site: Site) -> None:
        first, second = await site.create(FIRST, SECOND)
        committing = site.schemas.commit(NAME, avro(definition))
        error = await refusal(committing)
        assert error.code is StatusCode.INVALID_ARGUMENT
        assert error.text.startswith(f'Compatibility checking failed to commit a schema revision for (schema="{NAME}")')
        assert f"{second}: {problem}" in error.text
        assert list(site.schemas.find(NAME).revisions) == [first, second]

    run(tmp_path, work)


def test_a_revision_has_to_go_with_every_earlier_one(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        first, _ = await site.create(SECOND, FIRST)
        other = record(TEXT, field("q", ["null", "int"], default=None))
        await refused(site.schemas.commit(NAME, avro(other)), StatusCode.INVALID_ARGUMENT, f"the revision {first}")

    run(tmp_path, work)


def test_a_rollback_is_a_new_revision_with_the_old_definition(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        first, second = await site.create(FIRST, SECOND)
        third = await site.schemas.roll_back(NAME, first)
        assert third.id not in {first, second}
        assert third.schema.definition == FIRST
        assert site.schemas.find(NAME).latest is third
        assert third.schema.revision_create_time.ToNanoseconds() > 0

    run(tmp_path, work)


def test_revisions_are_listed_newest_first_and_in_pages(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        ids = await site.create(FIRST, SECOND, THIRD)
        listed: list[str] = []
        token = ""
        for page in range(2):
            asked = request("ListSchemaRevisions", name=NAME, page_size=2, page_token=token)
            answer = await site.service.list_schema_revisions(asked, None)
            listed += [one.revision_id for one in answer.schemas]
            assert not any(one.definition for one in answer.schemas)
            token = answer.next_page_token
            assert bool(token) is (page == 0)
        assert listed == ids[::-1]

    run(tmp_path, work)


# Topics


@pytest.mark.parametrize(
    ("wanted", "code", "text"),
    [
        ({"schema": ""}, StatusCode.INVALID_ARGUMENT, "No schema name provided"),
        ({"encoding": 0}, StatusCode.INVALID_ARGUMENT, "Invalid schema encoding provided"),
        ({"encoding": 7}, StatusCode.INVALID_ARGUMENT, "Invalid schema encoding provided"),
        ({"schema": f"{NAME}2"}, StatusCode.NOT_FOUND, "Schema could not be found"),
        ({"first_revision_id": "00000000"}, StatusCode.NOT_FOUND, "First revision could not be found"),
        ({"last_revision_id": "00000000"}, StatusCode.NOT_FOUND, "Last revision could not be found"),
    ],
)
def test_settings_that_name_nothing_are_refused(
    tmp_path: Path, wanted: dict[str, object], code: StatusCode, text: str
) -> None:
    async def check(site: Site) -> None:
        site.schemas.check_settings(settings(**wanted))

    async def work(site: Site) -> None:
        await site.create()
        await refused(check(site), code, text)

    run(tmp_path, work)


def test_a_range_is_from_an_older_to_a_newer_revision(tmp_path: Path) -> None:
    async def check(site: Site, first: str, last: str) -> None:
        site.schemas.check_settings(settings(first_revision_id=first, last_revision_id=last))

    async def work(site: Site) -> None:
        first, second = await site.create(FIRST, SECOND)
        await check(site, first, second)
        await check(site, second, second)
        await refused(check(site, second, first), StatusCode.INVALID_ARGUMENT, "after last revision")

    run(tmp_path, work)


def test_what_was_deleted_is_not_shown_by_name(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        first, second = await site.create(FIRST, SECOND)
        wanted = settings(first_revision_id=first, last_revision_id=second)
        assert site.schemas.shown(wanted) == wanted
        await site.schemas.delete_revision(NAME, first)
        shown = site.schemas.shown(wanted)
        assert (shown.schema, shown.first_revision_id, shown.last_revision_id) == (
            NAME,
            "_deleted-schema-revision_",
            second,
        )
        await site.schemas.delete(NAME)
        assert site.schemas.shown(wanted).schema == "_deleted-schema_"
        assert site.schemas.shown(wanted).encoding == JSON

    run(tmp_path, work)


# Publishing


def test_messages_are_told_the_newest_revision_that_they_fit(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        first, second = await site.create(FIRST, SECOND)
        published = messages(NEW, OLD)
        await site.schemas.validate(settings(), published)
        assert [dict(message.attributes) for message in published] == [
            {
                "googclient_schemaname": NAME,
                "googclient_schemaencoding": "JSON",
                "googclient_schemarevisionid": revision,
            }
            for revision in (second, first)
        ]

    run(tmp_path, work)


def test_a_topics_range_decides_which_revisions_count(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        first, second, third = await site.create(FIRST, SECOND, FIRST)
        assert await fits(site, OLD) == [third]
        assert await fits(site, OLD, last_revision_id=second) == [first]
        assert await fits(site, NEW, first_revision_id=second, last_revision_id=second) == [second]
        only_second = fits(site, OLD, first_revision_id=second, last_revision_id=second)
        await refused(only_second, StatusCode.INVALID_ARGUMENT, "the field q of R is missing")

    run(tmp_path, work)


def test_a_publish_with_one_message_that_fits_nothing_is_refused_whole(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        first, _ = await site.create(FIRST, SECOND)
        published = messages(NEW, b'{"a": 5}', b"no")
        error = await refusal(site.schemas.validate(settings(), published))
        assert error.code is StatusCode.INVALID_ARGUMENT
        assert error.text == (
            "Invalid data in message: Message failed schema validation. (messages[1]: R.a: 5 is no string)"
        )
        assert error.reason == "INVALID_JSON_AVRO_MESSAGE"
        assert error.metadata == {
            "message": "Message failed schema validation",
            "revisionInfo": f"Could not validate message with any schema revision for schema: {NAME}, last checked "
            f"revision: revision_id={first} failed with status: R.a: 5 is no string",
        }
        assert not any(message.attributes for message in published)

    run(tmp_path, work)


def test_nothing_can_be_published_by_a_deleted_schema(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        await site.create()
        await site.schemas.delete(NAME)
        await refused(fits(site, OLD), StatusCode.NOT_FOUND, "Schema associated with topic deleted.")

    run(tmp_path, work)


def test_a_range_of_which_no_revision_is_left_takes_nothing(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        _, second = await site.create(FIRST, SECOND)
        await site.schemas.delete_revision(NAME, second)
        publishing = fits(site, OLD, first_revision_id=second, last_revision_id=second)
        await refused(publishing, StatusCode.FAILED_PRECONDITION, "No revision")

    run(tmp_path, work)


def test_large_messages_are_read_beside_the_event_loop(tmp_path: Path) -> None:
    numbers = b'{"a": "x", "n": [' + b"1, " * 700_000 + b"1]}"

    async def work(site: Site) -> None:
        await site.create(record(TEXT, field("n", {"type": "array", "items": "int"})))
        validating = asyncio.create_task(site.schemas.validate(settings(), messages(numbers, numbers)))
        turns = 0
        while not validating.done():
            await asyncio.sleep(0.001)
            turns += 1
        await validating
        assert turns > 3

    run(tmp_path, work)


def test_protocol_buffers_are_compiled_again_after_a_restart(tmp_path: Path) -> None:
    async def make(site: Site) -> None:
        await site.schemas.create(NAME, proto(NUMBER))

    async def publish(site: Site) -> None:
        await asyncio.gather(*(fits(site, b"\x08\x01", encoding=BINARY) for _ in range(5)))
        error = await refusal(fits(site, b"\x10\x01", encoding=BINARY))
        assert error.reason == "INVALID_BINARY_PROTO_MESSAGE"
        assert "it has fields that the schema does not have" in error.text

    run(tmp_path, make)
    run(tmp_path, publish)


def test_a_message_can_be_checked_by_a_schema_that_comes_with_it(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        first, _ = await site.create(FIRST, SECOND)
        fields = {"parent": PARENT, "message": OLD, "encoding": JSON}
        for good in ({"name": f"{NAME}@{first}"}, {"schema": {"type": AVRO, "definition": FIRST}}):
            await site.service.validate_message(request("ValidateMessage", **fields, **good), None)
        latest = site.service.validate_message(request("ValidateMessage", **fields, name=NAME), None)
        await refused(
            latest, StatusCode.INVALID_ARGUMENT, "Message failed schema validation. (the field q of R is missing"
        )
        neither = site.service.validate_message(request("ValidateMessage", **fields), None)
        await refused(neither, StatusCode.INVALID_ARGUMENT, "Invalid schema type")

    run(tmp_path, work)


def test_a_revision_is_deleted_by_the_old_field_too(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        first, second = await site.create(FIRST, record(TEXT, OPTIONAL))
        asked = request("DeleteSchemaRevision", name=NAME, revision_id=first)
        assert (await site.service.delete_schema_revision(asked, None)).revision_id == first
        none = site.service.delete_schema_revision(request("DeleteSchemaRevision", name=NAME), None)
        await refused(none, StatusCode.INVALID_ARGUMENT, "must end with @")
        last = site.service.delete_schema_revision(request("DeleteSchemaRevision", name=f"{NAME}@{second}"), None)
        await refused(last, StatusCode.INVALID_ARGUMENT, "Cannot delete last revision")

    run(tmp_path, work)
