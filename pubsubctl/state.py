"""The ``.pubsubctl`` directory: where it is, what lies in it, and its locks.

It is looked for from the working directory upwards, so that any folder of a project is the project. Where there is
none yet, it belongs beside the settings. Nothing is created before something has to be written.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pubsubctl.errors import StateError

DIRECTORY = ".pubsubctl"
SETTINGS_FILE = "pubsubctl.toml"


@dataclass(frozen=True)
class State:
    """One ``.pubsubctl`` directory, which may not exist yet."""

    directory: Path

    @classmethod
    def find(cls, start: Path | None = None) -> "State":
        """That of the nearest folder, at or above ``start``, that has a ``.pubsubctl`` or a ``pubsubctl.toml``.

        Where there is no such folder, it is that of ``start`` itself.

        Args:
            start: the folder to look from; the working directory unless given.
        """
        origin = (start or Path.cwd()).resolve()
        for folder in (origin, *origin.parents):
            if (folder / DIRECTORY).is_dir() or (folder / SETTINGS_FILE).is_file():
                return cls(folder / DIRECTORY)
        return cls(origin / DIRECTORY)

    @property
    def jobs_db(self) -> Path:
        """The default store."""
        return self.directory / "jobs.db"

    @property
    def broker_db(self) -> Path:
        """The embedded emulator's message log."""
        return self.directory / "broker.db"

    @property
    def emulator_json(self) -> Path:
        """Which emulator runs here: ``pid``, ``address``, ``broker``."""
        return self.directory / "emulator.json"

    @property
    def emulator_log(self) -> Path:
        """What the emulator's process printed."""
        return self.directory / "emulator.log"

    def create(self) -> None:
        """Make the directory, for its owner alone (mode 0700).

        Raises:
            StateError: it cannot be made or written to.
        """
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StateError(
                f"cannot create {self.directory}: {error.strerror}; run from a folder you may write to"
            ) from error
        if not os.access(self.directory, os.W_OK | os.X_OK):
            raise StateError(f"cannot write to {self.directory}; mend its permissions or run from another folder")

    @contextmanager
    def lock(self, name: str, *, wait: bool = True) -> Iterator[None]:
        """Hold the lock called ``name`` among all processes that use this directory.

        The lock goes with the process, however it ends.

        Raises:
            StateError: it is held by another process and ``wait`` is false, or it cannot be made.
        """
        self.create()
        path = self.directory / f"{name}.lock"
        with _mapped("open", path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError as error:
                raise StateError(f"{path} is held by another process; wait for it to end") from error
            yield
        finally:
            os.close(descriptor)

    def read_json(self, path: Path) -> dict[str, Any] | None:
        """What ``path`` holds, or None where there is no such file or it is no JSON object.

        Raises:
            StateError: it is there and cannot be read.
        """
        try:
            with _mapped("read", path):
                content = json.loads(path.read_bytes())
        except (FileNotFoundError, ValueError, RecursionError):
            return None
        return content if isinstance(content, dict) else None

    def write_json(self, path: Path, content: dict[str, Any]) -> None:
        """Replace ``path`` as a whole, so that a reader never sees half of it.

        Raises:
            StateError: it cannot be written.
        """
        self.create()
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        with _mapped("write", path):
            draft.write_text(json.dumps(content) + "\n")
            draft.replace(path)


@contextmanager
def _mapped(verb: str, path: Path) -> Iterator[None]:
    """Let an error of the file system be one of ours, but for a file that is not there."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StateError(f"cannot {verb} {path}: {error.strerror}; mend its permissions or make room") from error
