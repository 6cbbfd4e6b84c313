"""What ``--reason`` chooses."""

from collections.abc import Sequence
from dataclasses import replace

from pubsubctl.errors import UsageError
from pubsubctl.job import Reason
from pubsubctl.selecting import Selection, sorted_reasons


def of_reasons(selection: Selection, texts: Sequence[str], known: frozenset[Reason]) -> Selection:
    """Only those that failed for one of the reasons that ``--reason`` gave, if any.

    Raises:
        UsageError: one is not known.
    """
    names = [name for text in texts for name in text.split(",")]
    for name in names:
        if name not in known:
            raise UsageError(f"--reason must be one of {', '.join(sorted_reasons(known))}, not {name!r}")
    return replace(selection, reasons=tuple(map(Reason, names))) if names else selection
