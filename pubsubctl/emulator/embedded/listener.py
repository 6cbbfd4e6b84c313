"""The sockets that the emulator listens on."""

import errno
import os
import socket
from typing import Any

from pubsubctl.errors import EmulatorError

BACKLOG = 1_024
ATTEMPTS = 10
WILDCARDS = {"", "0.0.0.0", "::"}  # noqa: S104 - what users may ask for


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
    except OSError as error:
        raise _refused(host_port, f"{host} is no host that is known here ({error.strerror})") from error
    for attempt in range(ATTEMPTS):
        try:
            return _listen_at(addresses)
        except OSError as error:
            # A port that is free at the first address may be taken at the second.
            if port or error.errno != errno.EADDRINUSE or attempt == ATTEMPTS - 1:
                raise _refused(host_port, _obstacle(host, error)) from error
    raise AssertionError("the last attempt returns or raises")


def _split(host_port: str) -> tuple[str, int]:
    host, _, port = host_port.rpartition(":")
    if not port.isdecimal():
        raise _refused(host_port, f"{port!r} is no port")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, Any]]:
    """Families and addresses; of a wildcard, one that takes both families where the system can."""
    if host in WILDCARDS:
        return [(socket.AF_INET6, ("::", port)) if socket.has_dualstack_ipv6() else (socket.AF_INET, ("", port))]
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _listen_at(addresses: list[tuple[socket.AddressFamily, Any]]) -> list[socket.socket]:
    made: list[socket.socket] = []
    problem: OSError | None = None
    try:
        for family, address in addresses:
            port = made[0].getsockname()[1] if made else address[1]
            try:
                made.append(_listener(family, (address[0], port, *address[2:])))
            except OSError as error:
                # A name may have an address of a family that is switched off here.
                if error.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                    raise
                problem = error
        if problem and not made:
            raise problem
    except OSError:
        for listener in made:
            listener.close()
        raise
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
