"""A network of its own, with nothing in it but loopback."""

import contextlib
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def alone() -> Iterator[str]:
    """The name of one, for ``ip netns``; it goes in the end."""
    name = f"pubsubctl-image-{secrets.token_hex(3)}"
    try:
        _ip("netns", "add", name)
        _ip("-n", name, "link", "set", "lo", "up")
        yield name
    finally:
        if Path("/run/netns", name).exists():
            _ip("netns", "delete", name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
