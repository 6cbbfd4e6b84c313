"""The sockets that the emulator listens on."""

import errno
import os
import socket
from typing import Any

from pubsubctl.errors import EmulatorError

BACKLOG = 1_024
ATTEMPTS = 10
LAST_PORT = 65_535
WILDCARDS = {"", "0.0.0.0", "::"}  # noqa: S104 - what users may ask for

Address = tuple[socket.AddressFamily, Any]


def listen(host_port: str) -> list[socket.socket]:
    """Listen at every address of a host, all at the same port; a wildcard stands for both address families.

    Args:
        host_port: such as ``127.0.0.1:8085``, ``[::1]:8085`` or ``localhost:0``; port 0 takes a free one.

    Raises:
        EmulatorError: one cannot listen there; it says why.
    """
    host, port = _split(host_port)
    try:
        addresses = _addresses(host, port)
    except (OSError, UnicodeError) as error:
        raise _refused(host_port, f"{host} is no host that is known here") from error
    try:
        return _listen_at(addresses, attempts=1 if port else ATTEMPTS)
    except OSError as error:
        raise _refused(host_port, _obstacle(host, error)) from error


def _split(host_port: str) -> tuple[str, int]:
    host, _, port = host_port.rpartition(":")
    if not port.isdecimal() or int(port) > LAST_PORT:
        raise _refused(host_port, f"{port!r} is no port")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _addresses(host: str, port: int) -> list[Address]:
    """Where to listen; of a wildcard, one address that takes both families where the system can."""
    if host in WILDCARDS:
        return [(socket.AF_INET6, ("::", port)) if socket.has_dualstack_ipv6() else (socket.AF_INET, ("", port))]
    # As bytes where it can be: for a text, Python loads what encodes international names.
    name = host.encode() if host.isascii() else host
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _listen_at(addresses: list[Address], attempts: int) -> list[socket.socket]:
    """Listen at all that there are, or at none."""
    made: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for family, (host, port, *more) in addresses:
            try:
                made.append(_listener(family, (host, made[0].getsockname()[1] if made else port, *more)))
            except OSError as error:
                # A name may have an address of a family that is switched off here.
                if error.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                    raise
                missing = error
        if missing and not made:
            raise missing
    except OSError as error:
        for listener in made:
            listener.close()
        # A port that is free at the first address may be taken at the second.
        if attempts == 1 or error.errno != errno.EADDRINUSE:
            raise
        return _listen_at(addresses, attempts - 1)
    return made


def _listener(family: socket.AddressFamily, address: Any) -> socket.socket:
    both = family == socket.AF_INET6 and address[0] == "::"
    # Without SO_REUSEPORT: two servers on one port would share its connections, so a port in use is an error.
    listener = socket.create_server(address, family=family, backlog=BACKLOG, dualstack_ipv6=both)
    listener.setblocking(False)
    return listener


def _obstacle(host: str, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "the port is taken"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine"
    return os.strerror(error.errno or 0)


def _refused(host_port: str, obstacle: str) -> EmulatorError:
    return EmulatorError(f"cannot listen at {host_port}: {obstacle}; name another --host-port")
