"""Lists in pages: the token of a page is the name that it begins with."""

from collections.abc import Iterable
from typing import TypeVar

from pubsubctl.emulator.embedded.status import invalid

T = TypeVar("T")
PAGE_SIZE = 1_000


def page(items: dict[str, T], size: int, token: str) -> tuple[list[T], str]:
    """One page of ``items``, by rising name, and the token of the next; empty after the last.

    Args:
        items: all of them, by name.
        size: how many at most; zero leaves it to the service.
        token: of the page wanted; empty for the first.

    Raises:
        Refusal: INVALID_ARGUMENT: the size is negative.
    """
    if size < 0:
        raise invalid(f"The page size must not be negative (page_size={size})")
    names = _from(sorted(items), token)
    count = min(size or PAGE_SIZE, PAGE_SIZE)
    following = names[count] if len(names) > count else ""
    return [items[name] for name in names[:count]], following


def _from(names: Iterable[str], token: str) -> list[str]:
    return [name for name in names if name >= token]
