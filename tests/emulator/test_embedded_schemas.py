"""Schemas in the embedded broker: kept in the log, changed one at a time."""

import asyncio
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from grpc import StatusCode
from schema_kit import (
    FIRST,
    NAME,
    NUMBER,
    OLD,
    OPTIONAL,
    PARENT,
    SECOND,
    TEXT,
    THIRD,
    Site,
    avro,
    field,
    fits,
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
