"""Bodies in a directory, which every process that needs them can reach: a local disk, or a file system that is shared.

Every step below the root is taken from the folder above (``openat``), and none through a link, so that nothing that
lies there leads out of it. All of it is its owner's alone (0700, 0600).
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pubsubctl.errors import PayloadMissing, PayloadsUnreachable
from pubsubctl.exchange import Payload
from pubsubctl.names import check_payload_key
from pubsubctl.payloads.base import Payloads, Writing, check, pieces

_BUFFER = 1 << 18
_ROOT = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_BELOW = _ROOT | os.O_NOFOLLOW
# O_NONBLOCK: what lies there may be a pipe that nobody writes to.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
_UNFINISHED = ".part"
_TRIES = 3


class Directory(Payloads):
    """A directory.

    Args:
        root: it; made when it is first written to.
        is_made: whether it was there already, so that it is never made anew.
    """

    def __init__(self, root: Path, *, is_made: bool = False) -> None:
        self._root = root.absolute()
        self._made = is_made

    @property
    def place(self) -> str:
        """See ``Payloads.place``."""
        return str(self._root)

    def check(self) -> None:
        """See ``Payloads.check``."""
        with self._mapped("written"):
            self._make()
            if not os.access(self._root, os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    def create(self, key: str) -> Writing:
        """See ``Payloads.create``."""
        folder, _, name = check_payload_key(key).rpartition("/")
        with self._mapped("written"):
            for tries_left in reversed(range(_TRIES)):
                try:
                    self._make()
                    with self._entered(folder, make=True) as descriptor:
                        return _Draft(self, key, os.dup(descriptor), name)
                except FileNotFoundError:  # another has just deleted the folder, as its last body went
                    if not tries_left:
                        raise
        raise AssertionError("unreachable")

    def open(self, payload: Payload) -> BinaryIO:
        """See ``Payloads.open``."""
        folder, _, name = check_payload_key(payload.key).rpartition("/")
        with self._mapped("read"):
            file = self._opened(folder, name)
            if file is None:
                raise PayloadMissing(
                    f"the body {payload.key} is not in {self.place}; is that the --payloads which it was put into?"
                )
            try:
                for _ in check(payload, pieces(file), where=self.place):
                    pass
                file.seek(0)
            except BaseException:
                file.close()
                raise
        return file

    def delete(self, key: str) -> None:
        """See ``Payloads.delete``."""
        folder, _, name = check_payload_key(key).rpartition("/")
        with self._mapped("written"):
            with self._found(folder) as descriptor:
                if descriptor is not None:
                    _unlink(name, descriptor)
            self.remove_if_empty(folder)

    def delete_folder(self, folder: str) -> None:
        """See ``Payloads.delete_folder``."""
        with self._mapped("written"):
            with self._found(folder) as descriptor:
                if descriptor is not None:
                    for name in os.listdir(descriptor):  # noqa: PTH208 - a path could be another's by now
                        _unlink(name, descriptor)
            self.remove_if_empty(folder)

    def names(self, folder: str) -> list[str]:
        """See ``Payloads.names``."""
        with self._mapped("read"), self._found(folder) as descriptor:
            return os.listdir(descriptor) if descriptor is not None else []  # noqa: PTH208 - as above

    def changed_at(self, folder: str) -> float | None:
        """See ``Payloads.changed_at``."""
        with self._mapped("read"), self._found(folder) as descriptor:
            if descriptor is None:
                return None
            times = [written for _, written in _written(descriptor)]
            return max([os.fstat(descriptor).st_mtime, *times])

    def delete_unfinished(self, folder: str, *, before: float) -> int:
        """See ``Payloads.delete_unfinished``."""
        with self._mapped("written"), self._found(folder) as descriptor:
            if descriptor is None:
                return 0
            old = [name for name, at in _written(descriptor) if name.endswith(_UNFINISHED) and at < before]
            for name in old:
                _unlink(name, descriptor)
            return len(old)

    def mapped(self) -> contextlib.AbstractContextManager[None]:
        """Let an error in writing be one of ours."""
        return self._mapped("written")

    def _make(self) -> None:
        if not self._made:  # once: what is gone later was unmounted, and what were written then would be lost below it
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._made = True

    def _opened(self, folder: str, name: str) -> BinaryIO | None:
        """A file, if it is one."""
        with self._found(folder) as within:
            if within is None:
                return None
            try:
                descriptor = os.open(name, _READ, dir_fd=within)
            except OSError as error:
                if error.errno in _NOT_THERE:
                    return None
                raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            return None
        return os.fdopen(descriptor, "rb")

    @contextmanager
    def _found(self, folder: str) -> Iterator[int | None]:
        """A folder, or None where there is none; a root that is not there is an error: it may have been unmounted."""
        with contextlib.ExitStack() as stack:
            try:
                descriptor = stack.enter_context(self._entered(folder))
            except OSError as error:
                if error.errno not in _NOT_THERE or not self._root.is_dir():
                    raise
                yield None
            else:
                yield descriptor

    @contextmanager
    def _entered(self, folder: str, *, make: bool = False) -> Iterator[int]:
        descriptor = os.open(self._root, _ROOT)
        try:
            for part in filter(None, folder.split("/")):
                if make:
                    _make_folder(part, descriptor)
                below = os.open(part, _BELOW, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = below
            yield descriptor
        finally:
            os.close(descriptor)

    def remove_if_empty(self, folder: str) -> None:
        """Delete a folder that has no body any more."""
        above, _, name = folder.rpartition("/")
        with self._found(above) as descriptor:
            if descriptor is not None and name:
                with contextlib.suppress(OSError):  # another body is there, or it is gone already
                    os.rmdir(name, dir_fd=descriptor)

    @contextmanager
    def _mapped(self, how: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise PayloadsUnreachable(
                f"the payload place {self.place} cannot be {how}: {error.strerror}; "
                + (
                    "make room there"
                    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
                    else "see to it, or to its permissions"
                )
            ) from error


class _Draft(Writing):
    """A file of another name until it is whole."""

    def __init__(self, directory: Directory, key: str, folder: int, name: str) -> None:
        super().__init__(key)
        self._directory = directory
        self._folder = folder
        self._name = name
        self._draft = f".{name}.{os.urandom(6).hex()}{_UNFINISHED}"
        try:
            self._file = os.fdopen(os.open(self._draft, _NEW, 0o600, dir_fd=folder), "wb", _BUFFER)
        except BaseException:
            os.close(folder)
            raise

    def _put(self, part: bytes | memoryview) -> None:
        with self._directory.mapped():
            self._file.write(part)

    def _finish(self) -> None:
        with self._directory.mapped():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            os.rename(self._draft, self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            self._draft = self._name  # what is to go if the folder cannot be synced
            _sync_folder(self._folder)
        os.close(self._folder)

    def _discard(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()  # what is not written yet may not fit now either
        with contextlib.suppress(OSError):
            os.unlink(self._draft, dir_fd=self._folder)
        with contextlib.suppress(OSError):  # an application may have closed it
            os.close(self._folder)
        with contextlib.suppress(OSError):
            self._directory.remove_if_empty(self.key.rpartition("/")[0])


def _make_folder(name: str, within: int) -> None:
    """Make a folder, and have it survive a crash."""
    try:
        os.mkdir(name, 0o700, dir_fd=within)
    except FileExistsError:
        return
    _sync_folder(within)


def _sync_folder(descriptor: int) -> None:
    """Have what is new in a folder survive a crash, if its file system can do that for a folder: not each can."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS}:
            raise


def _unlink(name: str, within: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=within)


def _written(descriptor: int) -> Iterator[tuple[str, float]]:
    """The files of a folder, each with when it was written last."""
    with os.scandir(descriptor) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                yield entry.name, entry.stat(follow_symlinks=False).st_mtime
