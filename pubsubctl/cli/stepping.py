"""Doing something to many jobs, in steps, each of which stands by itself, and showing how far it has come."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from pubsubctl.cli.selecting import Selection
from pubsubctl.job import Job
from pubsubctl.render.display import Display
from pubsubctl.render.drawing import is_terminal
from pubsubctl.render.going import Going
from pubsubctl.render.output import Format
from pubsubctl.store.base import Store

Found = TypeVar("Found")


def steps(
    store: Store,
    selection: Selection,
    act: Callable[[Sequence[Job]], Iterable[Found]],
    *,
    doing: str,
    total: int,
    form: Format,
) -> Iterator[Found]:
    """What ``act`` gives for every page of the jobs selected.

    Args:
        store: where they are.
        selection: which.
        act: what to do with a page of them; what it did stands, whatever becomes of the rest.
        doing: what is done to them, for people: ``queued again``.
        total: how many there are, as far as is known.
        form: how the results are shown; the progress keeps out of their way.
    """
    mixed = form is not Format.TEXT and is_terminal(sys.stdout)
    count = 0
    with Display(sys.stderr, quiet=mixed) as display:
        for page in selection.pages(store):
            yield from act(page.jobs)
            count += len(page.jobs)
            display.show(Going(doing, count, total))
        display.clear()
