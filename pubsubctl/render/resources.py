"""Topics, subscriptions and snapshots: one of them, several, and what was done with them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pubsubctl.render.outline import outline
from pubsubctl.render.output import Format, document, line, note

Document = Mapping[str, Any]


def one(content: Document, form: Format) -> None:
    """Everything that is known of one."""
    if form is not Format.TEXT:
        document(content, form)
        return
    for text in outline(content):
        line(text)


def done(verb: str, kind: str, contents: Sequence[Document], form: Format) -> None:
    """What was done, with each by its ``name``: ``created topic projects/...``."""
    if form is Format.TEXT:
        for content in contents:
            line(f"{verb} {kind} {content['name']}")
        return
    many(contents, form)


def updated(kind: str, content: Document, form: Format, *, changed: bool = True) -> None:
    """What one is after an update; ``changed`` says whether there was anything to change."""
    if form is Format.TEXT:
        line(f"updated {kind} {content['name']}" if changed else f"{kind} {content['name']} is so already")
        return
    document(content, form)


def sought(path: str, to: Mapping[str, str], form: Format) -> None:
    """Where a subscription has gone to: a ``time`` or a ``snapshotId``, as gcloud names them."""
    if form is Format.TEXT:
        line(f"subscription {path} is now at {' '.join(to.values())}")
        return
    document({"subscriptionId": path, **to}, form)


def names(found: Iterable[str], form: Format, nothing: str) -> None:
    """Full names, one a line.

    Args:
        found: the names.
        form: how.
        nothing: what to tell people where there is none.
    """
    if form is not Format.TEXT:
        many(found, form)
        return
    empty = True
    for name in found:
        empty = False
        line(name)
    if empty:
        note(nothing)


def many(contents: Iterable[Any], form: Format) -> None:
    """Several, as JSON: in one list, or a line each."""
    if form is Format.JSON:
        document(list(contents), form)
        return
    for content in contents:
        document(content, form)
