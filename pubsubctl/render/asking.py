"""A question to whoever sits at the terminal."""

import sys

from pubsubctl.render.output import clean
from pubsubctl.render.stdin import typed_line


def ask(question: str) -> bool:
    """Ask on stderr, read the answer from stdin; only ``y`` and ``yes`` are a yes."""
    sys.stdout.flush()
    sys.stderr.write(clean(question))
    sys.stderr.flush()
    answer = ""
    try:
        answer = typed_line()
    finally:
        if not answer.endswith("\n"):
            sys.stderr.write("\n")  # it was broken off: what is said next stands on a line of its own
    return answer.strip().lower() in {"y", "yes"}
