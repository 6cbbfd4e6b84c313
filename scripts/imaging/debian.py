"""A bare Debian root, made with debootstrap: as much as an image of Python has, and nothing of this machine."""

import fcntl
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

SUITE = "bookworm"
MIRROR = "http://deb.debian.org/debian"
_ANSWERS_S = 20.0
_PYTHON = "python3,python3-venv,ca-certificates"
_APART = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


def missing() -> str | None:
    """Why no root can be made or entered here, in one line; None where it can."""
    if sys.platform != "linux" or os.geteuid():
        return "a root of its own needs root on Linux"
    if shutil.which("debootstrap") is None:
        return "debootstrap is not installed: apt-get install debootstrap"
    if any(shutil.which(name) is None for name in ("ip", "setpriv", "unshare")):
        return "ip, setpriv and unshare are not installed: apt-get install iproute2 util-linux"
    apart = subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True, check=False)
    if apart.returncode:
        return "namespaces cannot be made here"
    return None if _place().exists() else _unreachable()


def _place() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "pubsubctl-tests" / f"debian-{SUITE}"


def _unreachable() -> str | None:
    try:
        with urllib.request.urlopen(f"{MIRROR}/dists/{SUITE}/Release", timeout=_ANSWERS_S):
            return None
    except OSError as error:
        return f"{MIRROR} cannot be reached: {error}"


def root() -> Path:
    """A root to copy, made once for each user.

    Raises:
        RuntimeError: debootstrap has failed; the text has its last line.
    """
    place = _place()
    cache = place.parent
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "debian.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            attempt = cache / f"debian-{SUITE}.part"
            shutil.rmtree(attempt, ignore_errors=True)
            _make(attempt)
            attempt.rename(place)
    return place


def _make(place: Path) -> None:
    # What it mounts in the root and what it runs go with their namespaces, even where it is killed.
    command = ["debootstrap", "--variant=minbase", f"--include={_PYTHON}", SUITE, str(place), MIRROR]
    done = subprocess.run([*_APART, *command], capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise RuntimeError(f"debootstrap failed: {lines[-1] if lines else done.returncode}")
    # An image of Python calls it so, too.
    (place / "usr/local/bin/python").symlink_to("/usr/bin/python3")
