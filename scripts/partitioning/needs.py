"""What a run needs of the machine, and how to get what is missing."""

import os
import shutil
import sys
from pathlib import Path

import postgres_server

_LIBRARIES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib*/faketime/libfaketimeMT.so.1")


def missing() -> str | None:
    """Why nothing can be run here, in one line; None where it can."""
    if sys.platform != "linux":
        return "network namespaces are Linux's: run it on Linux"
    if os.geteuid():
        return "network namespaces need root: run it as root"
    absent = [f"{what} ({how})" for what, how, there in _parts() if not there]
    return f"missing: {'; '.join(absent)}" if absent else None


def _parts() -> list[tuple[str, str, bool]]:
    programs = all(shutil.which(name) for name in ("ip", "setpriv"))
    return [
        ("ip and setpriv", "apt-get install iproute2 util-linux", programs),
        ("/dev/net/tun", "modprobe tun, or give it to the container", Path("/dev/net/tun").exists()),
        ("libfaketime", "apt-get install faketime", faketime() is not None),
        ("a PostgreSQL server", "apt-get install postgresql", postgres_server.programs() is not None),
    ]


def faketime() -> Path | None:
    """The library that has a process see another time of day."""
    return next((path for pattern in _LIBRARIES for path in Path("/").glob(pattern[1:])), None)
