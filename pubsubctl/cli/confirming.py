"""Asking before something that cannot be undone."""

import sys
from collections.abc import Sequence

from pubsubctl.errors import PubsubctlError, UsageError
from pubsubctl.render.asking import ask
from pubsubctl.render.output import note


def confirm(doing: str, paths: Sequence[str], consequence: str, *, yes: bool) -> None:
    """Go on, or raise.

    Args:
        doing: ``delete``, ``seek``.
        paths: what it is done to.
        consequence: what is lost by it.
        yes: whether the answer was given with the command.

    Raises:
        UsageError: there is no terminal on which to ask.
        PubsubctlError: the answer was no.
    """
    if yes:
        return
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr)):
        raise UsageError(f"there is no terminal to ask on; add --yes to {doing} without being asked")
    for path in paths:
        note(f"  {path}")
    if not ask(f"{consequence} {doing.capitalize()}? [y/N] "):
        raise PubsubctlError("nothing was done")
