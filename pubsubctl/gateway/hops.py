"""Which header fields are of one connection, and go no further (RFC 9110, section 7.6.1)."""

from collections.abc import Iterable

from pubsubctl.exchange import Header


def named(headers: Iterable[Header]) -> frozenset[str]:
    """The fields that Connection names, in lower case."""
    values = [value for name, value in headers if name.lower() == "connection"]
    return frozenset(name.strip(" \t").lower() for value in values for name in value.split(","))
