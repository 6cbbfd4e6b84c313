"""The Prefer header field (RFC 7240): what a client would like, and what of that was done. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

RESPOND_ASYNC, WAIT = "respond-async", "wait"

# Possessive throughout: whoever writes a field has no say in how long it takes to read.
_SPACE = r"[ \t]*+"
_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"  # noqa: S105 - the grammar's word
_WORD = rf'{_TOKEN}|"(?:[^"\\]|\\.)*+"'
_PARAMETER = rf"{_TOKEN}(?:{_SPACE}={_SPACE}(?:{_WORD})?+)?+"
_PREFERENCE = re.compile(
    rf"{_SPACE}(?P<name>{_TOKEN})(?:{_SPACE}={_SPACE}(?P<value>{_WORD})?+)?+"
    rf"(?:{_SPACE};{_SPACE}(?:{_PARAMETER})?+)*+{_SPACE}"
)
_MEMBER = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*+"?+)++')
_LONGEST_WAIT = 9  # digits: more seconds than anybody waits


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a request prefers.

    Attributes:
        respond_async: it would rather be told where to ask later than be kept waiting.
        wait_s: how long it is willing to wait, or None where it does not say.
        others: preferences that are no concern of a gateway, as they were written.
    """

    respond_async: bool = False
    wait_s: float | None = None
    others: str = ""

    def applied(self, waited_s: float, *, accepted: bool) -> str | None:
        """The value of Preference-Applied, or None where no preference was.

        Args:
            waited_s: how long it was willing to wait, as it was applied.
            accepted: whether it is told where to ask later.
        """
        parts = [RESPOND_ASYNC] if self.respond_async and accepted else []
        if self.wait_s is not None and waited_s == self.wait_s:
            parts.append(f"{WAIT}={waited_s:.0f}")
        return ", ".join(parts) or None


def read(values: Iterable[str]) -> Preferences:
    """Read all Prefer fields of a request; what is none is passed over, and of several of a name the first counts."""
    found: dict[str, str] = {}
    others: list[str] = []
    for text in _members(",".join(values)):
        match = _PREFERENCE.fullmatch(text)
        if match is None:
            continue
        name, value = match["name"].lower(), match["value"] or ""
        if name not in found and name not in {RESPOND_ASYNC, WAIT}:
            others.append(text.strip(" \t"))
        found.setdefault(name, _bare(value))
    return Preferences(found.get(RESPOND_ASYNC) == "", _seconds(found.get(WAIT)), ", ".join(others))


def _members(text: str) -> list[str]:
    """The members of a list; a comma within a quoted string ends none."""
    return _MEMBER.findall(text)


def _bare(word: str) -> str:
    """A word without its quotes."""
    return re.sub(r"\\(.)", r"\1", word[1:-1]) if word.startswith('"') else word


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.isascii() and text.isdigit() and len(text) <= _LONGEST_WAIT else None
