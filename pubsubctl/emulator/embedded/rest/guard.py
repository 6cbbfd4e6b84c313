"""Which requests are not answered: those that a web page has somebody's browser send.

A page may send requests to a local emulator without being able to read the responses; by changing what its own host
name resolves to ("DNS rebinding") it may even read them. The first tells itself by the Origin header, which browsers
add to whatever changes something, the second by the Host header.
"""

import ipaddress
from collections.abc import Iterable

import grpc

from pubsubctl.emulator.embedded.rest.messages import Request
from pubsubctl.emulator.embedded.status import Refusal

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
# Names that only this machine or its network gives a meaning to (RFC 6761 6.3; .internal is kept for private use).
LOCAL_DOMAINS = (".localhost", ".internal")


class Guard:
    """Knows the host that the emulator listens at."""

    def __init__(self, host: str, addresses: Iterable[str] = ()) -> None:
        """Accept requests for ``host``, for addresses, and for local names; for any name if others may reach it.

        ``addresses`` are what is listened at: a name, or an unusual spelling, may stand for this machine alone.
        """
        self._host = host.strip("[]").lower()
        self._open = not all(_is_loopback(one) for one in (addresses or [self._host]))

    def check(self, request: Request) -> None:
        """Let a request pass.

        Raises:
            Refusal: PERMISSION_DENIED: a web page may have sent it.
        """
        if "origin" in request.headers and request.method not in SAFE_METHODS:
            raise _denied("Requests of web pages (those with an Origin header) may not change anything here.")
        host = _host_of(request.headers.get("host", ""))
        if not (self._open or self._is_known(host)):
            raise _denied(f"The Host header names {host!r}, which this emulator does not serve; ask for {self._host}.")

    def _is_known(self, host: str) -> bool:
        return "." not in host or host == self._host or host.endswith(LOCAL_DOMAINS) or _address(host) is not None


def _host_of(authority: str) -> str:
    """The host of a Host header, without port and brackets."""
    host = authority[: authority.find("]") + 1] if authority.startswith("[") else authority.partition(":")[0]
    return host.strip("[]").rstrip(".").lower()


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return address.is_loopback if address else host == "localhost" or host.endswith(".localhost")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _denied(text: str) -> Refusal:
    return Refusal(grpc.StatusCode.PERMISSION_DENIED, text)
