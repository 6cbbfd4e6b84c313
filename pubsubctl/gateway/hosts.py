"""Names of hosts as requests have them. Pure."""

import ipaddress
import re
from collections.abc import Collection


def split(host: str) -> tuple[str, str]:
    """The name, in lower case and without brackets, and the port of a Host field; empty where it is none."""
    match = re.fullmatch(r"(\[[0-9a-f:.]+\]|[^:]*)(?::(\d+))?", host.lower())
    return (match[1].strip("[]").rstrip("."), match[2] or "") if match else ("", "")


def is_ours(host: str, others: Collection[str] = ()) -> bool:
    """Whether it is a name of this machine for itself, or one of some others.

    A page of another site cannot have a browser ask for those, as it can for a name of its own that it has lead here
    (DNS rebinding).
    """
    name = split(host)[0]
    if name in others or name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
