"""Where an emulator listens, as ``HOST:PORT``: whether one can listen there, and whether somebody does."""

import errno
import socket

LOOPBACK = "127.0.0.1"
CONNECT_TIMEOUT_S = 1.0


def split(address: str) -> tuple[str, int]:
    """The host, an IPv6 address without its brackets, and the port.

    Raises:
        ValueError: there is no port.
    """
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def bindable(address: str) -> str:
    """The address itself, where one can listen; for port 0 with a port that is free now.

    Raises:
        OSError: nobody can listen there now.
    """
    host, port = split(address)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except UnicodeError as error:
        raise OSError(errno.EINVAL, "that is no name of a host") from error
    family, kind, protocol, _, place = found[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(place)
        return f"{address.rpartition(':')[0]}:{probe.getsockname()[1]}"


def accepts(address: str) -> bool:
    """Whether somebody takes connections there."""
    try:
        socket.create_connection(split(address), CONNECT_TIMEOUT_S).close()
    except OSError:
        return False
    return True
