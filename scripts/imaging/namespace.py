"""A network of its own, with nothing in it but loopback."""

import contextlib
import secrets
import subprocess
from collections.abc import Iterator


@contextlib.contextmanager
def alone() -> Iterator[str]:
    """The name of one, for ``ip netns``; it goes in the end."""
    name = f"pubsubctl-image-{secrets.token_hex(3)}"
    _ip("netns", "add", name)
    try:
        _ip("-n", name, "link", "set", "lo", "up")
        yield name
    finally:
        _ip("netns", "delete", name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
