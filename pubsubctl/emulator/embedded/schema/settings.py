"""The schema settings of a topic."""

from __future__ import annotations

from typing import Any

from pubsubctl.emulator.embedded.schema.compiled import BINARY, JSON
from pubsubctl.emulator.embedded.schema.revisions import History
from pubsubctl.emulator.embedded.status import invalid, not_found

DELETED_SCHEMA = "_deleted-schema_"
DELETED_REVISION = "_deleted-schema-revision_"


def check_settings(settings: Any, history: History | None) -> None:
    """Refuse settings that name no schema, no encoding, or no range of revisions.

    Args:
        settings: a SchemaSettings message.
        history: of the schema that it names; None if there is none.

    Raises:
        Refusal: INVALID_ARGUMENT or NOT_FOUND.
    """
    if not settings.schema:
        raise invalid("No schema name provided")
    if settings.encoding not in {JSON, BINARY}:
        raise invalid("Invalid schema encoding provided")
    if history is None:
        raise not_found("Schema could not be found")
    first, last = settings.first_revision_id, settings.last_revision_id
    for id_, which in ((first, "First"), (last, "Last")):
        if id_:
            history.find(id_, f"{which} revision could not be found")
    if first and last and history.revisions[first].position > history.revisions[last].position:
        raise invalid("First revision creation time is after last revision creation time")


def shown_settings(settings: Any, history: History | None) -> Any:
    """The settings, or a copy in which what was deleted is not named any more."""
    shown = type(settings)()
    shown.CopyFrom(settings)
    if history is None:
        shown.schema = DELETED_SCHEMA
    for field in ("first_revision_id", "last_revision_id"):
        id_ = getattr(shown, field)
        if id_ and (history is None or id_ not in history.revisions):
            setattr(shown, field, DELETED_REVISION)
    return shown
