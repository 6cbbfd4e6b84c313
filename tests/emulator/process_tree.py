"""Which processes there are."""

import os
import subprocess

MARKS = {"leash": "pubsubctl-leash", "gcloud": "lib/gcloud.py", "guard": "-m pubsubctl.emulator.gcloud"}


def tree(pid: int) -> dict[str, int]:
    """The processes at and below ``pid``, by what they are: top, guard, leash, gcloud, java."""
    rows = _rows()
    found = {pid}
    while more := {child for child, parent, _ in rows if parent in found} - found:
        found |= more
    return {_kind(args, top=child == pid): child for child, _, args in rows if child in found}


def alive(pids: list[int]) -> list[int]:
    """Those of them that run; one that has ended and was not collected does not."""
    return [pid for pid in pids if _runs(pid)]


def _kind(args: str, *, top: bool) -> str:
    return next((kind for kind, mark in MARKS.items() if mark in args), "top" if top else "java")


def _rows() -> list[tuple[int, int, str]]:
    listed = subprocess.run(["ps", "-wweo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    split = [line.split(None, 2) for line in listed.splitlines()[1:]]
    return [(int(pid), int(parent), args) for pid, parent, args in split]


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = subprocess.run(["ps", "-o", "state=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return state.strip()[:1] not in {"", "Z"}
