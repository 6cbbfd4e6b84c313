"""Which option may have been meant by one that there is not. Pure."""

import difflib
from collections.abc import Sequence

_ALIKE = 0.75
"""How much, from 0 to 1. A wrong guess is worse than none: below this, ``--filter`` might be ``--profile``."""


def meant(typed: str, options: Sequence[str]) -> str | None:
    """The option that ``typed`` may stand for, if any: a longer name for the same (``--labels``), or a slip.

    Args:
        typed: with its dashes.
        options: those that there are, with theirs.
    """
    bare = typed.lstrip("-")
    longer = [option for option in options if bare and option.endswith(f"-{bare}")]
    if f"--update-{bare}" in longer:
        return f"--update-{bare}"
    if len(longer) == 1:
        return longer[0]
    return next(iter(difflib.get_close_matches(typed, options, n=1, cutoff=_ALIKE)), None)
