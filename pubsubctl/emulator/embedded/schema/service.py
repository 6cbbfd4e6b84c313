"""google.pubsub.v1.SchemaService."""

from __future__ import annotations

from typing import Any

from pubsubctl.emulator.embedded.names import check, check_project
from pubsubctl.emulator.embedded.pages import page
from pubsubctl.emulator.embedded.protocol import PACKAGE, Empty, message_class
from pubsubctl.emulator.embedded.schema.compiled import BINARY, JSON, Compiled, compiled
from pubsubctl.emulator.embedded.schema.registry import Schema, Schemas
from pubsubctl.emulator.embedded.schema.revisions import History, Revision
from pubsubctl.emulator.embedded.schema.validation import check_message
from pubsubctl.emulator.embedded.status import invalid

BASIC = 1
FULL = 2

ListSchemasResponse = message_class(f"{PACKAGE}.ListSchemasResponse")
ListSchemaRevisionsResponse = message_class(f"{PACKAGE}.ListSchemaRevisionsResponse")
ValidateSchemaResponse = message_class(f"{PACKAGE}.ValidateSchemaResponse")
ValidateMessageResponse = message_class(f"{PACKAGE}.ValidateMessageResponse")


class SchemaService:
    """The RPCs, named as in the API in snake case; each takes a request and returns a response, or raises Refusal."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas

    async def create_schema(self, request: Any, _context: Any) -> Any:
        """Add a schema."""
        name = check("schemas", f"{request.parent}/schemas/{request.schema_id}")
        return (await self._schemas.create(name, request.schema)).schema

    async def get_schema(self, request: Any, _context: Any) -> Any:
        """A schema's latest revision, or the one that the name ends with; all of it unless BASIC is asked for."""
        return _viewed(self._revision(request.name), request.view or FULL)

    async def list_schemas(self, request: Any, _context: Any) -> Any:
        """The latest revisions of a project's schemas, without definitions unless FULL is asked for."""
        project = check_project(request.parent)
        schemas = {name: one for name, one in self._schemas.by_name.items() if name.startswith(f"{project}/")}
        found, token = page(schemas, request.page_size, request.page_token)
        shown = [_viewed(history.latest, request.view or BASIC) for history in found]
        return ListSchemasResponse(schemas=shown, next_page_token=token)

    async def list_schema_revisions(self, request: Any, _context: Any) -> Any:
        """A schema's revisions, newest first, without definitions unless FULL is asked for."""
        history = self._schemas.find(check("schemas", request.name))
        found, token = page(_newest_first(history), request.page_size, request.page_token)
        shown = [_viewed(revision, request.view or BASIC) for revision in found]
        return ListSchemaRevisionsResponse(schemas=shown, next_page_token=token)

    async def commit_schema(self, request: Any, _context: Any) -> Any:
        """Add a revision."""
        name = check("schemas", request.name)
        return (await self._schemas.commit(name, request.schema)).schema

    async def rollback_schema(self, request: Any, _context: Any) -> Any:
        """Add a revision that is a copy of an earlier one."""
        name = check("schemas", request.name)
        if not request.revision_id:
            raise invalid("Missing revision ID (revision_id)")
        return (await self._schemas.roll_back(name, request.revision_id)).schema

    async def delete_schema_revision(self, request: Any, _context: Any) -> Any:
        """Delete the revision that the name ends with, and return it."""
        name, revision_id = _parted(request.name)
        if not (revision_id or request.revision_id):
            raise invalid(f"The name must end with @ and a revision ID (name={request.name})")
        return (await self._schemas.delete_revision(name, revision_id or request.revision_id)).schema

    async def delete_schema(self, request: Any, _context: Any) -> Any:
        """Delete a schema with all its revisions."""
        await self._schemas.delete(check("schemas", request.name))
        return Empty()

    async def validate_schema(self, request: Any, _context: Any) -> Any:
        """Answered if the schema could be created."""
        check_project(request.parent)
        await compiled(request.schema)
        return ValidateSchemaResponse()

    async def validate_message(self, request: Any, _context: Any) -> Any:
        """Answered if the message fits the schema: one that is there, or one that comes with the request."""
        check_project(request.parent)
        if request.encoding not in {JSON, BINARY}:
            raise invalid("No encoding provided. (encoding)")
        await check_message(await self._asked_for(request), request.encoding, request.message)
        return ValidateMessageResponse()

    async def _asked_for(self, request: Any) -> Compiled:
        if request.WhichOneof("schema_spec") == "name":
            return await self._revision(request.name).compiled()
        return await compiled(request.schema)

    def _revision(self, full_name: str) -> Revision:
        name, revision_id = _parted(full_name)
        history = self._schemas.find(name)
        return history.find(revision_id) if revision_id else history.latest


def _parted(full_name: str) -> tuple[str, str]:
    """A schema's name, and the revision's id if there is one after an @."""
    name, at, revision_id = full_name.partition("@")
    if at and not revision_id:
        raise invalid(f"Invalid [schemas] name: (name={full_name})")
    return check("schemas", name), revision_id


def _newest_first(history: History) -> dict[str, Revision]:
    """Revisions by keys that rise from the newest to the oldest, which is the order that pages come in."""
    return {f"{2**63 - one.position:019d}": one for one in history.revisions.values()}


def _viewed(revision: Revision, view: int) -> Any:
    if view == FULL:
        return revision.schema
    basic = Schema()
    basic.CopyFrom(revision.schema)
    basic.ClearField("definition")
    basic.ClearField("compiled_proto_schema")
    return basic
