"""Watches the application's code, and has the children replaced when it changes, for ``--reload``."""

import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

_log = logging.getLogger("pubsubctl.worker")

_LOOK_S = 0.4
_SETTLE_S = 0.15
"""A change is acted on when nothing else has changed for so long: an editor, or git, writes many files at once."""
_SHARE = 0.05
"""Of a CPU, at most, for looking at a folder of very many files."""
_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages"})
_VENV = "pyvenv.cfg"

Snapshot = dict[str, tuple[int, int, int]]


def watched_folders(app: str, environ: dict[str, str] | None = None) -> list[Path]:
    """Where the code of an application is looked for: here, where its file is, and on PYTHONPATH."""
    named = Path(app.partition(":")[0])
    searched = (os.environ if environ is None else environ).get("PYTHONPATH", "").split(os.pathsep)
    candidates = [Path.cwd(), *([named.resolve().parent] if named.suffix == ".py" else []), *map(Path, searched)]
    found = list(dict.fromkeys(folder.resolve() for folder in candidates if str(folder) != "." and folder.is_dir()))
    return [folder for folder in found if not any(folder != other and other in folder.parents for other in found)]


def snapshot(folders: Sequence[Path]) -> Snapshot:
    """What tells one version from another, of every Python file in the folders and below."""
    return {
        entry.path: (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        for folder in folders
        for entry in _sources(str(folder))
        if (stat := _stat(entry)) is not None
    }


def _sources(folder: str) -> Iterator[os.DirEntry[str]]:
    try:
        entries = list(os.scandir(folder))
    except OSError:  # gone meanwhile, or not for us to read
        return
    if any(entry.name == _VENV for entry in entries):
        return
    for entry in entries:
        if entry.name.endswith(".py"):
            yield entry
        elif not entry.name.startswith(".") and entry.name not in _SKIPPED and entry.is_dir(follow_symlinks=False):
            yield from _sources(entry.path)


def _stat(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat()
    except OSError:
        return None


class Renewable(Protocol):
    """What is made of the code; see ``Pool``."""

    def renew(self) -> None:
        """Run what is new with the new code, let what runs end with the old."""


class Reloader:
    """A thread that looks again and again; no file of the application's is opened, and nothing is imported here."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._children: Renewable | None = None
        self._known = snapshot(folders)
        self._loading = False
        self._complaint = ""
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reload", daemon=True)

    def attach(self, children: Renewable) -> None:
        """Say what is to be renewed."""
        self._children = children

    def start(self) -> None:
        """Begin looking."""
        self._thread.start()

    def close(self, timeout_s: float) -> None:
        """End."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def loaded(self) -> None:
        """A child has loaded the application."""
        if self._loading or self._complaint:
            _log.info("the new code is loaded")
        self._loading, self._complaint = False, ""

    def failed(self, error: str) -> None:
        """The application cannot be loaded, which the next change may mend."""
        if error != self._complaint:
            _log.error("no job is begun until the code has changed again: %s", error)
        self._complaint = error

    def _run(self) -> None:
        changed: set[str] = set()
        pause_s = _LOOK_S
        while not self._closed.wait(pause_s):
            began = time.monotonic()
            found = self._changes()
            took_s = time.monotonic() - began
            if changed and not found:
                self._act(changed)
            changed = changed | found if found else set()
            pause_s = max(_SETTLE_S if changed else _LOOK_S, took_s / _SHARE)

    def _changes(self) -> set[str]:
        """The files that are not what they were at the last look."""
        known, self._known = self._known, snapshot(self._folders)
        return {path for path, _ in known.items() ^ self._known.items()}

    def _act(self, changed: set[str]) -> None:
        first, others = min(changed), len(changed) - 1
        _log.info("%s%s changed; new jobs get the new code", Path(first).name, f" and {others} more" if others else "")
        self._loading, self._complaint = True, ""
        if self._children is not None:
            self._children.renew()
