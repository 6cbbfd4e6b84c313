"""gcloud on this machine: where it is, whether it has what the emulator needs, and what would install that."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pubsubctl.emulator.gcloud.complaint import complaint
from pubsubctl.errors import EmulatorError

COMPONENTS = ("pubsub-emulator", "beta")
ASKING_S = 30.0

PLACES = (
    "~/google-cloud-sdk",
    "/usr/lib/google-cloud-sdk",
    "/opt/google-cloud-sdk",
    "/opt/homebrew/share/google-cloud-sdk",
    "/usr/local/share/google-cloud-sdk",
    "/snap/google-cloud-cli/current",
)
_QUIET = {
    "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
    "CLOUDSDK_SURVEY_DISABLE_PROMPTS": "1",
    "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
    "CLOUDSDK_CORE_DISABLE_FILE_LOGGING": "1",
    "CLOUDSDK_CORE_CHECK_GCE_METADATA": "0",
    "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
}
"""It asks nobody anything: neither the user, nor Google, nor the machine's metadata server."""


@dataclass(frozen=True)
class Sdk:
    """An installation of the Google Cloud CLI, in its directory ``root``."""

    root: Path

    @classmethod
    def find(cls, places: Sequence[str] = PLACES) -> "Sdk":
        """That of the ``gcloud`` on PATH; else that of ``CLOUDSDK_ROOT_DIR``, or at one of ``places``.

        Raises:
            EmulatorError: there is none, or the one on PATH does not say where it is.
        """
        found = shutil.which("gcloud")
        if found:
            return cls(_root_of(Path(found)))
        named = filter(None, (os.environ.get("CLOUDSDK_ROOT_DIR"), *places))
        roots = [root for place in named if _is_root(root := _expanded(place))]
        if not roots:
            raise EmulatorError(
                "Google's emulator needs gcloud, which is not on PATH; `curl https://sdk.cloud.google.com | bash` "
                "installs it; `--broker embedded` needs nothing"
            )
        return cls(roots[0])

    @property
    def gcloud(self) -> Path:
        """The program, not what some package manager puts before it."""
        return self.root / "bin" / "gcloud"

    def check(self) -> None:
        """See that the emulator can be started. gcloud itself would offer to install what is missing.

        Raises:
            EmulatorError: a component or Java is missing; the text has the command that installs it.
        """
        missing = [name for name in COMPONENTS if not (self.root / ".install" / f"{name}.manifest").is_file()]
        if missing:
            raise EmulatorError(
                f"gcloud (in {self.root}) has no component {missing[0]}; `{self._install_components()}` installs it"
            )
        if not shutil.which("java"):
            raise EmulatorError(f"Google's emulator needs Java, and there is no java on PATH; {java_hint()}")

    def _install_components(self) -> str:
        if self._has_updater():
            return f"gcloud components install {' '.join(COMPONENTS)}"
        tool = _first_of("apt-get", "dnf", "yum")
        return f"sudo {tool or 'apt-get'} install google-cloud-cli-pubsub-emulator"

    def _has_updater(self) -> bool:
        """Whether gcloud installs its components itself; else the system's package manager does."""
        settings = self.root / "lib" / "googlecloudsdk" / "core" / "config.json"
        try:
            return not json.loads(settings.read_bytes()).get("disable_updater")
        except (OSError, ValueError):
            return True


def environment(config: Path) -> dict[str, str]:
    """What gcloud is run with.

    Args:
        config: where its settings go if the place where they are otherwise cannot be written to.
    """
    inherited = dict(os.environ)
    usual = _expanded(inherited.get("CLOUDSDK_CONFIG") or "~/.config/gcloud")
    if not _is_writable(usual):
        inherited["CLOUDSDK_CONFIG"] = str(config)
    return {**inherited, **_QUIET}


def java_hint() -> str:
    """The command that installs Java here."""
    tool = _first_of("apt-get", "dnf", "yum", "brew")
    packages = {"apt-get": "default-jre-headless", "brew": "--cask temurin"}
    if tool is None:
        return "install it from https://adoptium.net"
    sudo = "" if tool == "brew" else "sudo "
    return f"`{sudo}{tool} install {packages.get(tool, 'java-latest-openjdk-headless')}` installs it"


def _root_of(gcloud: Path) -> Path:
    """The installation behind a program that may be a link, or a script that starts another."""
    root = gcloud.resolve().parent.parent
    return root if _is_root(root) else _asked(gcloud)


def _is_root(root: Path) -> bool:
    return (root / "lib" / "gcloud.py").is_file() and os.access(root / "bin" / "gcloud", os.X_OK)


def _asked(gcloud: Path) -> Path:
    command = [str(gcloud), "info", "--format=value(installation.sdk_root)"]
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **_QUIET},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ASKING_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EmulatorError(f"{gcloud} does not run: {error}; install gcloud anew") from error
    root = Path(done.stdout.strip() or "/")
    if not _is_root(root):
        said = complaint(done.stderr) or f"`{' '.join(command)}` does not tell where it is installed"
        raise EmulatorError(f"{gcloud} cannot be used: {said}; install gcloud anew")
    return root


def _is_writable(directory: Path) -> bool:
    """Whether it can be written to, or made."""
    try:
        there = next(place for place in (directory, *directory.parents) if place.exists())
    except PermissionError:
        return False
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _expanded(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:  # this user has no home
        return Path(path)


def _first_of(*programs: str) -> str | None:
    return next(filter(shutil.which, programs), None)
