"""Lists of topics, subscriptions and snapshots, as tables."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pubsubctl.render.output import Format, note
from pubsubctl.render.resources import many

Document = Mapping[str, Any]
Columns = Mapping[str, Callable[[Document], str]]

_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def topics(found: Iterable[Document], project: str, form: Format) -> None:
    """The topics of a project, given in full."""
    columns: Columns = {
        "topic": lambda topic: near(topic["name"], project),
        "retention": lambda topic: notation(topic.get("messageRetentionDuration")),
        "schema": lambda topic: near(topic.get("schemaSettings", {}).get("schema", ""), project),
        "labels": _labels,
    }
    _table(columns, found, form, f"there are no topics in {project}")


def subscriptions(found: Iterable[Document], project: str, form: Format) -> None:
    """The subscriptions of a project, given in full."""
    columns: Columns = {
        "subscription": lambda one: near(one["name"], project),
        "topic": lambda one: near(one.get("topic", ""), project),
        "type": _delivery,
        "ack": lambda one: f"{one.get('ackDeadlineSeconds', 0)}s",
        "with": lambda one: ", ".join(_features(one, project)),
        "labels": _labels,
    }
    _table(columns, found, form, f"there are no subscriptions in {project}")


def snapshots(found: Iterable[Document], project: str, form: Format) -> None:
    """The snapshots of a project, given in full."""
    columns: Columns = {
        "snapshot": lambda one: near(one["name"], project),
        "topic": lambda one: near(one.get("topic", ""), project),
        "expires": lambda one: one.get("expireTime", ""),
        "labels": _labels,
    }
    _table(columns, found, form, f"there are no snapshots in {project}")


def near(path: str, project: str) -> str:
    """A name as it may be written in a project, given in full: the id alone where it belongs to it."""
    return path.rsplit("/", 1)[-1] if path.startswith(f"{project}/") else path


def notation(duration: str | None) -> str:
    """A duration of the API, ``604800s``, as flags take it: ``7d``."""
    if not duration:
        return ""
    whole, dot, _ = duration.removesuffix("s").partition(".")
    if dot or not int(whole):
        return duration
    parts, rest = [], int(whole)
    for unit, seconds in _UNITS:
        count, rest = divmod(rest, seconds)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def _labels(content: Document) -> str:
    return ",".join(f"{key}={value}" for key, value in content.get("labels", {}).items())


def _delivery(subscription: Document) -> str:
    if subscription.get("detached"):
        return "detached"
    endpoint = subscription.get("pushConfig", {}).get("pushEndpoint")
    if endpoint:
        return f"push to {endpoint}"
    exported = [name for name in ("bigqueryConfig", "cloudStorageConfig", "bigtableConfig") if name in subscription]
    return exported[0].removesuffix("Config") if exported else "pull"


def _features(subscription: Document, project: str) -> Iterable[str]:
    if subscription.get("enableMessageOrdering"):
        yield "ordering"
    if subscription.get("enableExactlyOnceDelivery"):
        yield "exactly once"
    if subscription.get("retainAckedMessages"):
        yield "acked retained"
    if "deadLetterPolicy" in subscription:
        yield f"dead letters to {near(subscription['deadLetterPolicy'].get('deadLetterTopic', ''), project)}"
    if subscription.get("filter"):
        yield f"filter {subscription['filter']}"


def _table(columns: Columns, found: Iterable[Document], form: Format, nothing: str) -> None:
    """A row each.

    Columns that would be empty are left out, and the heads but on a terminal; there, the widest gives way first, and
    the first never: it has the names that people copy.
    """
    if form is not Format.TEXT:
        many(found, form)
        return
    rows = [{head: cell(content) for head, cell in columns.items()} for content in found]
    if rows:
        _draw([head for head in columns if any(row[head] for row in rows)], rows)
    else:
        note(nothing)


def _draw(heads: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    from pubsubctl.render.drawing import grid, is_terminal, printed, text  # Rich, which JSON does without

    drawn = grid(flexible=range(1, len(heads)), columns=len(heads), expand=False)
    names = [text(row[heads[0]]) for row in rows]
    if is_terminal(sys.stdout):
        drawn.add_row(*(text(head, "dim") for head in heads))
        names.append(text(heads[0]))
    drawn.columns[0].min_width = max(name.cell_len for name in names)
    for row in rows:
        drawn.add_row(*(text(row[head]) for head in heads))
    printed(drawn)
