"""Into a file that somebody named: as a whole, or not at all."""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path

from pubsubctl.errors import PubsubctlError


def save(pieces: Iterable[bytes], output: Path) -> None:
    """Put them there; a file that was there is replaced when all of it is written.

    What is no file (``/dev/stdout``, a pipe), and a file whose folder may not be written to, is written to as it is.

    Raises:
        PubsubctlError: it cannot be written; what was there before is untouched, if it can be.
    """
    try:
        draft = _draft_of(output)
        if draft is None:
            _write(pieces, output)
        else:
            _replace(pieces, draft, output.resolve())
    except OSError as error:
        raise PubsubctlError(f"cannot write {output}: {error.strerror}; the result is kept, name another -o") from error


def _draft_of(output: Path) -> Path | None:
    target = output.resolve()
    try:
        found = output.stat()
    except FileNotFoundError:
        found = None
    replaceable = os.access(target.parent, os.W_OK | os.X_OK) and os.access(target, os.W_OK)
    whole = found is None or (stat.S_ISREG(found.st_mode) and replaceable)
    return target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}.part") if whole else None


def _replace(pieces: Iterable[bytes], draft: Path, target: Path) -> None:
    try:
        permissions = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
        _write(pieces, draft, "xb", 0o666 if permissions is None else 0o600)
        if permissions is not None:
            draft.chmod(permissions)
        draft.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise


def _write(pieces: Iterable[bytes], path: Path, mode: str = "wb", permissions: int = 0o666) -> None:
    with open(path, mode, opener=lambda name, flags: os.open(name, flags, permissions)) as file:
        file.writelines(pieces)
