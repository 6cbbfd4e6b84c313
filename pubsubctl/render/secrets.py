"""What must not be shown, nor be in a log: the values of header fields that let somebody in."""

import re
from collections.abc import Iterable, Iterator

MASK = "***"

_PLAIN = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key"})
_LIKELY = re.compile(
    r"(^|[-_.])(auth|authentication|authorization|cookies?|tokens?|secrets?|password|passwd|[a-z0-9]*api[-_]?key"
    r"|(access|account|function|functions|license|master|private|secret|subscription)[-_]?key"
    r"|credentials?|session|session[-_]?id|jwt|assertion|signature)([-_.]|$)"
)

_FIELD = re.compile(
    r"""(?P<name>(?:proxy-)?authorization|(?:set-)?cookie)
        (?P<between>["']?\s*[:=]\s*|["']\s*,\s*)      # as in a header or a dict; as in a pair
        (?:b?(?P<quote>["'])(?:\\.|(?!(?P=quote)).)*  # a literal, up to its end
        |[^\r\n]+)                                    # or all of the line""",
    re.IGNORECASE | re.VERBOSE,
)


def redacted(text: str) -> str:
    """The text without the values of Authorization, Proxy-Authorization, Cookie and Set-Cookie."""
    return _FIELD.sub(r"\g<name>\g<between>\g<quote>[redacted]", text)


def is_secret(name: str) -> bool:
    """Whether a header field of this name, in whatever case, lets somebody in, or looks as if it did."""
    lowered = name.lower()
    return lowered in _PLAIN or _LIKELY.search(lowered) is not None


def masked(headers: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Header fields without the values of those; attributes of a message that carry such fields are known too."""
    for name, value in headers:
        plain = name.removeprefix("header-").split(".")[0]
        yield name, MASK if is_secret(plain) else value
