"""Which credentials somebody has asked for. Pure: no command but those that talk to Google loads its library."""

import os
import shlex
import stat
from dataclasses import dataclass
from pathlib import Path

DEFAULT_UNIVERSE = "googleapis.com"
KEY_VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"
"""As every client of Google's honours it."""
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True)
class Asked:
    """Credentials as they are named, not as they are.

    Attributes:
        file: a JSON file of credentials; None: application default credentials.
        impersonate: the e-mail address of the service account that is acted for; None: nobody else.
        source: where ``file`` was named.
    """

    file: str | None = None
    impersonate: str | None = None
    source: str = ""

    @property
    def open_file(self) -> Path | None:
        """The file of credentials that was named, where others can read it.

        A group that can is no fault where the file is somebody else's, as a mounted secret is.
        """
        named = self.file or os.environ.get(KEY_VARIABLE)
        if not named:
            return None
        path = Path(named)
        try:
            about = path.stat()
        except OSError:
            return None  # what needs it says so
        return path if about.st_mode & (_OTHERS if about.st_uid == os.getuid() else stat.S_IRWXO) else None


def open_file_text(path: Path) -> str:
    """What is wrong with such a file."""
    mode = stat.S_IMODE(path.stat().st_mode)
    return f"{path} can be read by others (mode {mode:04o}), and whoever has it can act as whom it is for"


def open_file_remedy(path: Path) -> str:
    """What mends it."""
    return f"chmod 600 {shlex.quote(str(path))}"
