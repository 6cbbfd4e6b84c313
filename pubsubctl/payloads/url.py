"""Bodies wherever fsspec reaches: ``gs://bucket/prefix`` with gcsfs, others with what their schemes need.

What is read is spooled into a temporary file that has no name, and checked meanwhile: an object store gives no file
that could be checked first and read afterwards. ``TMPDIR`` says on which disk.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from pubsubctl.credentials.asked import Asked
from pubsubctl.errors import InvalidSetting, PayloadMissing, PayloadsUnreachable, PubsubctlError
from pubsubctl.exchange import Payload
from pubsubctl.names import check_payload_key
from pubsubctl.payloads.base import CHUNK, Payloads, Writing, check, pieces

_BLOCK = 8 * CHUNK
"""Of a request to the store: few requests for a large body, and little of it in memory."""
_EXTRAS = {"gs": "gcs", "gcs": "gcs"}
_SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
_NOBODY = Asked()
"""Nobody in particular: application default credentials."""
_EMULATOR = "STORAGE_EMULATOR_HOST"
_ZONAL = "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"


class Url(Payloads):
    """A place of fsspec's.

    Args:
        url: it.
        credentials: for Google's.

    Raises:
        InvalidSetting: what its scheme needs is not installed, or it is no place.
    """

    def __init__(self, url: str, *, credentials: Asked = _NOBODY) -> None:
        self._url = url
        scheme = urlsplit(url).scheme.lower()
        try:
            from fsspec import get_filesystem_class
            from fsspec.core import url_to_fs

            with self._mapped("opened"), _plain_gcsfs():
                get_filesystem_class(scheme)  # what is not installed is told before what is not configured
                # A cached listing would show what is gone, and hide what another process has put there.
                options = {"use_listings_cache": False, **_credentials(scheme, credentials)}
                self._fs, root = url_to_fs(url, **options)
        except (ImportError, ValueError) as error:
            raise InvalidSetting(_not_installed(scheme, error)) from error
        self._root = root.rstrip("/")

    @property
    def place(self) -> str:
        """See ``Payloads.place``."""
        parts = urlsplit(self._url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    def check(self) -> None:
        """See ``Payloads.check``."""
        with self._mapped("read"), contextlib.suppress(FileNotFoundError):
            self._fs.ls(self._root, detail=False)
        path = self._path(f".check-{os.urandom(8).hex()}")
        with self._mapped("written"):
            self._fs.makedirs(self._root, exist_ok=True)
            self._fs.pipe_file(path, b"")
            self._fs.rm_file(path)

    def create(self, key: str) -> Writing:
        """See ``Payloads.create``."""
        path = self._path(check_payload_key(key))
        with self._mapped("written"):
            self._fs.makedirs(
                path.rpartition("/")[0], exist_ok=True
            )  # a file system needs that; an object store does not
            return _Upload(self, self._fs, key, path)

    def open(self, payload: Payload) -> BinaryIO:
        """See ``Payloads.open``."""
        path = self._path(check_payload_key(payload.key))
        with self._mapped("read"), contextlib.ExitStack() as undo:
            spooled = undo.enter_context(tempfile.TemporaryFile())
            try:
                source = undo.enter_context(self._fs.open(path, "rb", block_size=_BLOCK, cache_type="readahead"))
                for piece in check(payload, pieces(source), where=self.place):
                    _spool(piece, spooled)
            except FileNotFoundError as error:
                raise PayloadMissing(
                    f"the body {payload.key} is not in {self.place}; is that the --payloads which it was put into?"
                ) from error
            source.close()
            undo.pop_all()
        spooled.seek(0)
        return spooled

    def delete(self, key: str) -> None:
        """See ``Payloads.delete``."""
        with self._mapped("written"), contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(self._path(check_payload_key(key)))

    def delete_folder(self, folder: str) -> None:
        """See ``Payloads.delete_folder``."""
        with self._mapped("written"), contextlib.suppress(FileNotFoundError):
            self._fs.rm(self._path(folder), recursive=True)

    def names(self, folder: str) -> list[str]:
        """See ``Payloads.names``."""
        with self._mapped("read"):
            try:
                found = self._fs.ls(self._path(folder), detail=False)
            except FileNotFoundError:
                return []
        return [name for path in found if (name := path.rstrip("/").rpartition("/")[2])]

    def changed_at(self, folder: str) -> float | None:
        """See ``Payloads.changed_at``."""
        with self._mapped("read"):
            times = []
            for path in self._fs.find(self._path(folder)):
                with contextlib.suppress(FileNotFoundError):  # it has just gone
                    times.append(self._fs.modified(path).timestamp())
        return max(times, default=None)

    def delete_unfinished(self, folder: str, *, before: float) -> int:
        """See ``Payloads.delete_unfinished``: an object store shows nothing unfinished, and forgets it by itself."""
        del folder, before
        return 0

    def mapped(self) -> contextlib.AbstractContextManager[None]:
        """Let an error in writing be one of ours."""
        return self._mapped("written")

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

    @contextmanager
    def _mapped(self, how: str) -> Iterator[None]:
        """Let whatever a file system of somebody else's raises be one of ours, in one line."""
        try:
            yield
        except (PubsubctlError, ImportError):
            raise
        except Exception as error:
            if isinstance(error, ValueError) and how == "opened":
                raise
            said = " ".join(str(error).split())[:300] or type(error).__name__
            raise PayloadsUnreachable(f"the payload place {self.place} cannot be {how}: {said}") from error


class _Upload(Writing):
    """What an object store shows once it is whole."""

    def __init__(self, place: Url, file_system: Any, key: str, path: str) -> None:
        super().__init__(key)
        self._place = place
        self._fs = file_system
        self._path = path
        self._file = file_system.open(path, "wb", block_size=_BLOCK)
        self._is_away = False

    def _put(self, part: bytes | memoryview) -> None:
        with self._writing(), memoryview(part) as view:
            for start in range(0, len(view), CHUNK):  # what it is given at a time, it holds once more
                self._file.write(view[start : start + CHUNK])

    def _finish(self) -> None:
        with self._writing():
            self._file.close()

    def _discard(self) -> None:
        if not self._is_away:  # which would be waited for once more
            with contextlib.suppress(Exception):
                self._file.discard()
            with contextlib.suppress(Exception):
                self._fs.rm_file(self._path)  # where a file is there from its beginning
        with contextlib.suppress(Exception):
            self._file.closed = True  # else it would be finished once it is forgotten

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            with self._place.mapped():
                yield
        except PayloadsUnreachable:
            self._is_away = True
            raise


def _spool(piece: bytes, spooled: BinaryIO) -> None:
    try:
        spooled.write(piece)
    except OSError as error:
        folder = tempfile.gettempdir()
        raise PayloadsUnreachable(
            f"a body does not go into a temporary file in {folder}: {error.strerror}; make room there, or set TMPDIR"
        ) from error


@contextmanager
def _plain_gcsfs() -> Iterator[None]:
    """Leave out what gcsfs has for zonal buckets, unless somebody has set its variable.

    It asks by gRPC first what kind a bucket is: slow, of no use here, and a minute's wait where that is an emulator.
    """
    if _ZONAL in os.environ:
        yield
        return
    os.environ[_ZONAL] = "false"  # read once, as gcsfs is imported
    try:
        yield
    finally:
        os.environ.pop(_ZONAL, None)


def _credentials(scheme: str, asked: Asked) -> Mapping[str, Any]:
    """What gcsfs is to use: it would try others too, such as none at all, and end with an error about those."""
    if _EXTRAS.get(scheme) != "gcs":
        return {}
    if os.environ.get(_EMULATOR):
        return {"token": "anon"}
    from pubsubctl.credentials.finding import find

    return {"token": find(asked, _SCOPE)}


def _not_installed(scheme: str, error: Exception) -> str:
    extra = _EXTRAS.get(scheme)
    if extra is not None:
        return f"a payload place {scheme}:// needs fsspec and gcsfs: pip install 'pubsubctl[{extra}]' ({error})"
    return f"a payload place {scheme}:// cannot be used: {error}; use a directory, or gs://bucket/prefix"
