"""Lists and dictionaries in one argument, as gcloud takes them (``gcloud topic escaping``). Pure."""

import re
from collections.abc import Iterable

_DELIMITER = re.compile(r"\^([^^]+)\^")


def listed(texts: Iterable[str]) -> list[str]:
    """The items of ``a,b,c``, or of ``^:^a:b:c`` where items have commas; of all the times the option was given.

    Raises:
        ValueError: an item is not UTF-8.
    """
    return [item for text in texts for item in _items(text)]


def pairs(texts: Iterable[str]) -> dict[str, str]:
    """The pairs of ``a=b,c=d``; the first ``=`` ends the key.

    Raises:
        ValueError: an item is no pair, or not UTF-8.
    """
    found = {}
    for item in listed(texts):
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise ValueError("must be KEY=VALUE,...")
        found[key] = value
    return found


def utf8(text: str) -> str:
    """Text itself, unless its bytes were none.

    Raises:
        ValueError: it is not UTF-8, which all text in a message of protobuf must be.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("must be UTF-8") from None
    return text


def _items(text: str) -> list[str]:
    match = _DELIMITER.match(text)
    items = text[match.end() :].split(match[1]) if match else text.split(",")
    return [utf8(item) for item in items if item]
