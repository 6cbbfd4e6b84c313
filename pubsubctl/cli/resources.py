"""What the commands on topics, subscriptions and snapshots have in common."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from pubsubctl.broker.naming import Kind, path
from pubsubctl.cli.entry import PROGRAM
from pubsubctl.cli.options import with_settings
from pubsubctl.errors import UsageError
from pubsubctl.render.output import note

if TYPE_CHECKING:
    from pubsubctl.broker.change import Change
    from pubsubctl.broker.connection import Connection
    from pubsubctl.broker.resources import Tried
    from pubsubctl.settings import Settings

T = TypeVar("T")

MOST = 2**31 - 1
"""The largest number that a page size or a limit can be: an int32 of the API."""


def at_least(least: int) -> Callable[[int | None], int | None]:
    """Check a number up to ``MOST``; --help does not tell that range, which nobody meets."""

    def check(value: int | None) -> int | None:
        if value is not None and not least <= value <= MOST:
            raise typer.BadParameter(f"must be {least} to {MOST}, not {value}")
        return value

    return check


LimitOption = Annotated[
    int | None,
    typer.Option("--limit", callback=at_least(1), metavar="N", show_default=False, help="Show at most so many."),
]
PageSizeOption = Annotated[
    int,
    typer.Option(
        "--page-size", callback=at_least(0), metavar="N", show_default=False, help="Ask for so many at a time."
    ),
]
YesOption = Annotated[
    bool, typer.Option("--yes", "-y", "--quiet", "-q", help="Do not ask; needed where there is no terminal.")
]

on_broker = with_settings(of_jobs=False)
"""Give a command the options that say which broker and which project."""


def paths(kind: Kind, names: Sequence[str], settings: "Settings") -> list[str]:
    """The full names of what was named, each once.

    Raises:
        InvalidName: one of them names nothing of that kind.
    """
    return list(dict.fromkeys(path(kind, name, settings.project) for name in names))


def one_path(kind: Kind, name: str, settings: "Settings") -> str:
    """The full name of what was named.

    Raises:
        InvalidName: it names nothing of that kind.
    """
    return path(kind, name, settings.project)


def first(limit: int | None, found: Iterator[T]) -> Iterator[T]:
    """At most ``limit`` of them, all without one."""
    return islice(found, limit)


@contextmanager
def connected(settings: "Settings") -> "Iterator[Connection]":
    """The broker, which answers.

    Raises:
        BrokerUnreachable: it does not.
    """
    from pubsubctl.broker.connection import Connection

    with Connection(settings) as connection:
        connection.check()
        yield connection


def report(tried: "Tried") -> None:
    """Let what was not done be known, a line each.

    Raises:
        PubsubctlError: something was not done.
    """
    for failure in tried.failures[:-1]:
        note(f"{PROGRAM}: {failure}")
    if tried.failures:
        raise tried.failures[-1]


def check_asked(change: "Change") -> None:
    """Refuse an update of nothing.

    Raises:
        UsageError: no flag was given.
    """
    if not change.fields:
        raise UsageError("nothing to update: name what to change; --help lists the flags")
