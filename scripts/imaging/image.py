"""An image that is built: a root, and how its programs are started."""

import contextlib
import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# The kernel forgets what a process is to get at its parent's death once it becomes another user: it is told again.
_AS_USER = ("setpriv", "--pdeathsig=KILL", "--clear-groups")


@dataclass
class Image:
    """What its Dockerfile says, until now.

    Attributes:
        root: its files.
        environment: of its programs.
        user: the id of the user that they are run as; ``0`` is root.
        folder: where they are run.
        entrypoint: what every program of it begins with.
        command: what follows where nothing else is said.
        healthy: the command that ends with 0 while it is healthy; empty: there is none.
        stop_signal: what it is told to stop with.
    """

    root: Path
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": _PATH})
    user: str = "0"
    folder: str = "/"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    healthy: list[str] = field(default_factory=list)
    stop_signal: str = "SIGTERM"

    def entered(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        mounts: Mapping[Path, str] | None = None,
        volumes: Mapping[Path, str] | None = None,
    ) -> list[str]:
        """A command line that runs a command in it, as the first process of a namespace of its own.

        Args:
            command: what is run.
            environment: what is set beside the image's own.
            mounts: folders and files of this machine that are seen in it, and where; nobody can write to them there.
            volumes: folders that can be written to in it, and where.
        """
        told = [f"{name}={value}" for name, value in (self.environment | dict(environment)).items()]
        user = [] if self.user == "0" else [*_AS_USER, f"--reuid={self.user}", f"--regid={self.user}"]
        within = ["chroot", str(self.root), "env", "-i", *told, "sh", "-c", 'cd "$0" && exec "$@"', self.folder]
        seen = [line for here, there in (mounts or {}).items() for line in self._seen(here, there, written=False)]
        kept = [line for here, there in (volumes or {}).items() for line in self._seen(here, there, written=True)]
        proc = ["mount", "-t", "proc", "proc", f"{self.root}/proc"]
        script = " && ".join([*map(shlex.join, [*seen, *kept, proc]), 'exec "$@"'])
        apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script, "sh"]
        return [*apart, *within, *user, *command]

    def _seen(self, here: Path, there: str, *, written: bool) -> list[list[str]]:
        place = f"{self.root}{there}"
        # What is mounted below would stay writable, and so is left out.
        bound = ["mount", "--rbind" if written else "--bind", str(here), place]
        return [bound] if written else [bound, ["mount", "-o", "remount,bind,ro", place]]

    def place_for(self, path: str, *, folder: bool) -> None:
        """Have something at a path that can be mounted over."""
        place = self.root / path.lstrip("/")
        if folder:
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()


def copied(here: Path, there: Path) -> None:
    """Copy a folder with all that it says about its files."""
    there.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", f"{here}/.", str(there)] if there.exists() else ["cp", "-a", here, there], check=True)


def removed(root: Path) -> None:
    """Take a root away; nothing is mounted in it, as mounts are of namespaces that have gone."""
    with contextlib.suppress(FileNotFoundError):
        subprocess.run(["rm", "-rf", "--one-file-system", os.fspath(root)], check=False)
