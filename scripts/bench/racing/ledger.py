"""Which jobs were submitted, and what came of each: a rate counts only if every one of them came out right."""

from collections.abc import Iterable

from loads import Failure

from racing.noop import expected

_NAMED = 5


class Ledger:
    """The jobs of one measurement, by their numbers."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self._open = set(numbers)
        self._count = len(self._open)
        self._wrong: dict[int, str] = {}

    def came(self, number: int, result: str) -> None:
        """Note a result."""
        if number not in self._open:
            self._wrong[number] = f"{result!r}, though it had a result already, or was never submitted"
        elif result != expected(number):
            self._wrong[number] = f"{result!r} instead of {expected(number)!r}"
        self._open.discard(number)

    def check(self) -> None:
        """See that each job had the right result, and had it once.

        Raises:
            Failure: one did not; the text names it.
        """
        said = []
        if self._open:
            some = ", ".join(map(str, sorted(self._open)[:_NAMED]))
            said.append(f"{len(self._open):,} of {self._count:,} jobs have no result in time: {some}{self._more()}")
        if self._wrong:
            number = min(self._wrong)
            said.append(f"{len(self._wrong):,} of {self._count:,} went wrong: job {number} gave {self._wrong[number]}")
        if said:
            raise Failure("; ".join(said))

    def _more(self) -> str:
        return ", ..." if len(self._open) > _NAMED else ""
