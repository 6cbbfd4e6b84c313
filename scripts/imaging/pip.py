"""What pip is told on this machine, for a pip in another root."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

_SETTING = re.compile(r"(?:[\w-]+|:env:)\.([\w-]+)=(.+)")
_PATH = re.compile(r"(?<!\S)(file://)?(/[^\s']+)")


def settings() -> dict[str, str]:
    """Its settings, as environment variables."""
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True)
    found = (_SETTING.fullmatch(line) for line in listed.stdout.splitlines())
    return {f"PIP_{one[1].upper().replace('-', '_')}": " ".join(shlex.split(one[2])) for one in found if one}


def paths(told: dict[str, str]) -> list[Path]:
    """The files and folders that the settings name, and that are there; of an index, also what lies beside it."""
    named = {Path(path).parent if url else Path(path) for value in told.values() for url, path in _PATH.findall(value)}
    return sorted(path for path in named if path.exists() and path != Path("/"))
