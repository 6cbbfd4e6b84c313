"""What must not be in a log: the values of header fields that let somebody in."""

import re

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
