"""Writes the files of a new project; nothing that is there already is ever written over."""

import re
from dataclasses import dataclass
from pathlib import Path

from pubsubctl.errors import UsageError
from pubsubctl.scaffold.filling import filled

_FILES = ("app.py", "pubsubctl.toml", "requirements.txt", "Dockerfile", "compose.yaml", ".dockerignore")
APP = "app:app"
"""That of ``app.py``."""


@dataclass(frozen=True)
class Project:
    """What is to be written.

    Attributes:
        folder: where; made if it is not there.
        app: the app, as ``worker start`` takes it; None: there is none yet, and one is written too.
    """

    folder: Path
    app: str | None = None

    def write(self) -> list[Path]:
        """Write all of it, or nothing.

        Raises:
            UsageError: some of it is there already, or cannot be written.
        """
        texts = self._texts()
        there = [path.name for path in texts if path.exists() or path.is_symlink()]
        if there:
            raise UsageError(
                f"{', '.join(there)} {'is' if len(there) == 1 else 'are'} in {self.folder} already, and never written "
                "over; name another folder, or --app MODULE:ATTR where there is an app"
            )
        written: list[Path] = []
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for path, text in texts.items():
                with path.open("x", encoding="utf-8") as file:
                    written.append(path)
                    file.write(text)
        except OSError as error:
            for path in written:
                path.unlink(missing_ok=True)
            raise UsageError(f"nothing can be written to {self.folder}: {error.strerror}") from error
        return written

    @property
    def name(self) -> str:
        """As compose calls the project and its image: lower-case letters, digits and dashes."""
        plain = re.sub(r"[^a-z0-9]+", "-", self.folder.resolve().name.lower()).strip("-")
        return plain or "jobs"

    def _texts(self) -> dict[Path, str]:
        texts, values = {}, {"app": self.app or APP, "name": self.name}
        for name in _FILES:
            if name == "app.py" and self.app is not None:
                continue
            texts[self.folder / name] = filled(__package__, name.lstrip("."), values)
        return texts
