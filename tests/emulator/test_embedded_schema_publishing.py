"""Schemas in the embedded broker: which a topic may name, and what they say to what is published."""

import asyncio
from pathlib import Path

import pytest
from grpc import StatusCode
from schema_kit import (
    AVRO,
    BINARY,
    FIRST,
    JSON,
    NAME,
    NUMBER,
    OLD,
    PARENT,
    SECOND,
    TEXT,
    Site,
    field,
    fits,
    messages,
    proto,
    record,
    refusal,
    refused,
    request,
    run,
    settings,
)

NEW = b'{"a": "x", "q": {"string": "y"}}'


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
