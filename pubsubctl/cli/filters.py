"""The options by which dead letters are chosen: one table, for every command that has them."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pubsubctl.cli.options import parsed

if TYPE_CHECKING:
    from pubsubctl.selecting import Selection

_OPTIONS: dict[str, Any] = {
    "reason": Annotated[
        list[str] | None,
        typer.Option("--reason", metavar="REASON,...", help="Why they were given up: timeout, crashed, exhausted, ..."),
    ],
    "path": Annotated[
        str | None,
        typer.Option("--path", metavar="PATTERN", show_default=False, help="Their path, query and all: '/thumbnail*'."),
    ],
    "older_than": Annotated[
        str | None,
        typer.Option("--older-than", metavar="DURATION", show_default=False, help="Submitted at least so long ago."),
    ],
    "newer_than": Annotated[
        str | None,
        typer.Option("--newer-than", metavar="DURATION", show_default=False, help="Submitted at most so long ago."),
    ],
    "batch": Annotated[
        str | None, typer.Option("--batch", metavar="BATCH", show_default=False, help="Those of one submit.")
    ],
    "limit": Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", show_default=False, help="The newest so many.")
    ],
    "cursor": Annotated[
        str | None,
        typer.Option("--cursor", metavar="CURSOR", show_default=False, help="Go on where a --limit ended."),
    ],
}


def with_filters(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command these options: its parameter ``chosen`` becomes them, and gets the ``Selection`` they make."""

    @functools.wraps(function)
    def run(**given: Any) -> None:
        asked = {name: given.pop(name) for name in _OPTIONS}
        function(chosen=chosen(**asked), **given)

    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in _OPTIONS.items()
    ]
    parts: list[inspect.Parameter] = []
    for name, part in inspect.signature(function).parameters.items():
        parts += options if name == "chosen" else [part.replace(kind=inspect.Parameter.KEYWORD_ONLY)]
    run.__signature__ = inspect.Signature(parts)  # type: ignore[attr-defined]
    return run


def chosen(
    *,
    reason: list[str] | None = None,
    path: str | None = None,
    older_than: str | None = None,
    newer_than: str | None = None,
    batch: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> "Selection":
    """The dead letters that the options choose.

    Raises:
        UsageError: a value cannot be used.
    """
    from pubsubctl.cli.reasons import of_reasons
    from pubsubctl.job import DEAD
    from pubsubctl.selecting import dead_letters

    return replace(
        of_reasons(dead_letters(), reason or (), DEAD),
        path=path,
        older_than_s=parsed("older_than", older_than) if older_than else None,
        newer_than_s=parsed("newer_than", newer_than) if newer_than else None,
        batch_id=batch,
        limit=limit,
        cursor=cursor,
    )
