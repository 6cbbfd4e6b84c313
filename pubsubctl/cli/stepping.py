"""Doing something to many jobs, in steps, each of which stands by itself, and showing how far it has come."""

import signal
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Generic, TypeVar

import typer

from pubsubctl.cli.codes import Code
from pubsubctl.job import Job
from pubsubctl.render.display import Display
from pubsubctl.render.drawing import is_terminal
from pubsubctl.render.figures import plural
from pubsubctl.render.going import Going
from pubsubctl.render.output import Format, Shown, each, flush, line, note
from pubsubctl.selecting import Selection
from pubsubctl.store.base import Store

Found = TypeVar("Found")
ShownFound = TypeVar("ShownFound", bound=Shown)


class Steps(Generic[Found]):
    """A page of jobs after another.

    Args:
        store: where they are.
        selection: which.
        act: what to do with a page of them; what it did stands, whatever becomes of the rest.
        doing: what is done to them, for people: ``queued again``.
        total: how many there are, as far as is known.
        form: how the results are shown; the progress keeps out of their way.
        dry_run: whether nothing is done to them, but told what would be.

    Attributes:
        count: to how many it was done.
    """

    def __init__(
        self,
        store: Store,
        selection: Selection,
        act: Callable[[Sequence[Job]], Iterable[Found]],
        *,
        doing: str,
        total: int,
        form: Format,
        dry_run: bool = False,
    ) -> None:
        self._store = store
        self._selection = selection
        self._act = act
        self._would_be = doing
        self._doing = None if dry_run else doing
        self._total = total
        self._form = form
        self.count = 0

    def show(self: "Steps[ShownFound]", what: str) -> None:
        """Take them all, and show each; as text, where something is done to them, no more than to how many it was.

        Args:
            what: one of them, for people: ``dead letter``.

        Raises:
            typer.Exit: Ctrl-C was pressed; what was done until then is told, since it stays.
        """
        if self._form is Format.TEXT and self._doing is not None:
            line(f"{plural(self.take(), what)} {self._doing}")
            return
        with self._taken() as found:
            each(found, self._form)

    def take(self) -> int:
        """Take them all, and show none; returns to how many jobs it was done.

        Raises:
            typer.Exit: Ctrl-C was pressed; what was done until then is told, since it stays.
        """
        with self._taken() as found:
            for _ in found:
                pass
        return self.count

    def carry_out(self, what: str, *, none: str) -> None:
        """Take them all, show each, and say what else there is to say; see ``show``.

        Args:
            what: one of them, for people: ``dead letter``.
            none: what to say where there is none.

        Raises:
            typer.Exit: Ctrl-C was pressed.
        """
        self.show(what)
        if not self._total:
            note(none)
        elif self._doing is None:
            note(f"{plural(self.count, what)} would be {self._would_be}")
        else:
            self._tell_of_the_rest()

    def _tell_of_the_rest(self) -> None:
        """Say how many of them were passed over, if any were."""
        if self.count < self._total:
            left = plural(self._total - self.count, "is left as it was", "are left as they were")
            note(f"{left}: somebody asked for them again meanwhile, or deleted them")

    @contextmanager
    def _taken(self) -> Iterator[Iterator[Found]]:
        """What ``act`` gives, one by one.

        Raises:
            typer.Exit: Ctrl-C was pressed; what was done until then is told, since it stays.
        """
        with telling_how_far(self._doing, lambda: self.count), closing(self._take()) as found:
            yield found

    def _take(self) -> Generator[Found, None, None]:
        lines = self._form is not Format.TEXT or self._doing is None
        mixed = lines and is_terminal(sys.stdout)  # where a line is shown for each, the progress would paint over them
        seen = 0
        with Display(sys.stderr, quiet=mixed) as display:
            for page in self._selection.pages(self._store):
                with undisturbed():
                    found = list(self._act(page.jobs))
                    self.count += len(found)
                yield from found
                seen += len(page.jobs)
                display.show(Going(self._doing or "looked at", seen, self._total))
            display.clear()


@contextmanager
def telling_how_far(doing: str | None, count: Callable[[], int]) -> Iterator[None]:
    """Let Ctrl-C end something that is done to many jobs with a line on how far it came.

    Args:
        doing: what is done to them, for people; None where nothing is, and there is nothing to tell.
        count: to how many it was done until then; asked when it was pressed.

    Raises:
        typer.Exit: it was pressed.
    """
    try:
        yield
    except KeyboardInterrupt:
        if doing is None:
            raise
        flush()
        done = plural(count(), f"job was {doing}", f"jobs were {doing}")
        note(f"pubsubctl: interrupted; {done} and the rest is as it was; the same command goes on")
        raise typer.Exit(Code.INTERRUPTED) from None


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let Ctrl-C wait until a step is done and counted: what it has written stays.

    Raises:
        KeyboardInterrupt: it was pressed meanwhile.
    """
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt
