"""One exchange over a bare socket: what a client library would not send, and what it would not show."""

import socket


def exchange(address: str, request: bytes, timeout_s: float = 30.0) -> bytes:
    """All that a server answers to these bytes, until it closes or has said nothing more for a while."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=timeout_s) as connection:
        connection.sendall(request)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
        return b"".join(parts)
