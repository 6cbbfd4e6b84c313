"""What gcloud, its scripts and Java print when something is wrong. Pure."""

import re

LONGEST = 400

_BEGINS = re.compile(
    r"(?:ERROR: (?:\([\w.]+\))?|Exception in thread \"main\" (?:[\w.]+: )?|Error: |Error occurred )(?P<said>.*)"
)
_PREFIX = re.compile(r"^\[pubsub\] ?", re.MULTILINE)
_STACK = re.compile(r"^\s+at .*$", re.MULTILINE)


def complaint(output: str) -> str | None:
    """The first of them in ``output``, as one paragraph on one line; None where nothing is wrong."""
    plain = _STACK.sub("", _PREFIX.sub("", output))
    found = _BEGINS.search(plain)
    if found is None:
        return None
    first, *more = [" ".join(part.split()) for part in re.split(r"\n\s*\n", plain[found.start("said") :].strip())]
    words = f"{first} {more[0]}" if first.endswith(":") and more else first
    return words if len(words) <= LONGEST else f"{words[:LONGEST]} ..."


def is_hopeless(output: str) -> bool:
    """Whether the emulator will never serve, though its process stays: other threads of Java than the main one live."""
    return 'Exception in thread "main"' in output
