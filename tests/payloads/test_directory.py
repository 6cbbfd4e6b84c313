"""A directory as the place: what a file system adds to the contract."""

import errno
import hashlib
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from test_places import KEY, Jobs, put, read

from pubsubctl.errors import PayloadMissing, PayloadsUnreachable
from pubsubctl.exchange import Payload
from pubsubctl.payloads import orphans
from pubsubctl.payloads.directory import Directory
from pubsubctl.payloads.keys import request_key

SECRET = b"not for everybody"


@pytest.fixture
def root(tmp_path):
    return tmp_path / "deep" / "bodies"


@pytest.fixture
def place(root):
    return Directory(root)


@pytest.fixture
def secret(tmp_path):
    """A file outside of the place, and what a message could say of it."""
    (tmp_path / "outside").mkdir()
    file = tmp_path / "outside" / "request"
    file.write_bytes(SECRET)
    return file, Payload(KEY, len(SECRET), hashlib.sha256(SECRET).hexdigest())


def test_all_of_it_is_its_owners_alone(place, root):
    put(place)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (root, *root.rglob("*"))}
    assert len(modes) == 5
    assert all(mode == (0o600 if path.is_file() else 0o700) for path, mode in modes.items())


def test_no_link_below_the_root_is_followed(place, root, secret):
    file, payload = secret
    put(place)
    folder = root / "store-1/ab/job-1"
    (folder / "request").unlink()
    (folder / "request").symlink_to(file)
    with pytest.raises(PayloadMissing):
        place.open(payload)
    (folder / "request").unlink()
    folder.rmdir()
    folder.symlink_to(file.parent)
    with pytest.raises(PayloadMissing):
        place.open(payload)
    with pytest.raises(PayloadsUnreachable):
        place.create(KEY)
    place.delete(KEY)
    place.delete_folder("store-1/ab/job-1")
    assert file.read_bytes() == SECRET


def test_the_root_itself_may_be_a_link(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "bodies").symlink_to(tmp_path / "disk")
    place = Directory(tmp_path / "bodies")
    assert read(place, put(place)) == b"content"


def test_what_is_no_file_is_no_body(place, root):
    put(place)
    file = root / KEY
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(PayloadMissing):  # and nobody waits for whoever writes into the pipe
        place.open(Payload(KEY, 1, "0" * 64))


def test_a_root_that_is_gone_is_away_and_its_bodies_are_not_missing(place, root):
    payload = put(place)
    root.rename(root.with_name("unmounted"))
    with pytest.raises(PayloadsUnreachable, match="cannot be read: No such file or directory"):
        place.open(payload)
    with pytest.raises(PayloadsUnreachable):
        place.delete(payload.key)


def test_a_root_that_was_there_once_is_not_made_anew(root):
    with pytest.raises(PayloadsUnreachable, match="cannot be written: No such file or directory"):
        put(Directory(root, is_made=True))
    assert not root.exists()


def test_a_root_that_cannot_be_made_is_told_in_one_line(tmp_path):
    (tmp_path / "file").touch()
    place = Directory(tmp_path / "file" / "bodies")
    for attempt in (place.check, lambda: place.create(KEY)):
        with pytest.raises(PayloadsUnreachable, match=r"payload place .*/file/bodies cannot be written: Not a dir"):
            attempt()


@contextmanager
def no_file_longer_than(size):
    """The kernel refuses to write on, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [2 << 20, (1 << 20) + 1])
def test_a_body_that_cannot_be_written_leaves_nothing_and_says_so(place, root, size):
    with no_file_longer_than(1 << 20), pytest.raises(PayloadsUnreachable, match="File too large; make room there"):
        put(place, content=b"x" * size)
    assert [path for path in root.rglob("*") if path.is_file()] == []


def test_who_is_killed_while_writing_leaves_a_file_that_a_walk_deletes(place, root, tmp_path):
    key = request_key("store-1", "job-1")
    code = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom pubsubctl.payloads.directory import Directory\n"
        "writing = Directory(Path(sys.argv[1])).create(sys.argv[2])\n"
        "writing.write(b'x' * (2 << 20))\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(root), key], timeout=30, check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = [path for path in root.rglob("*") if path.is_file()]
    assert list(orphans.sweep(place, Jobs("job-1"))) == [orphans.Swept(seen=1)], "it may be written to still"
    old = time.time() - orphans.ORPHAN_AGE_S - 60
    os.utime(left, (old, old))
    assert list(orphans.sweep(place, Jobs("job-1"))) == [orphans.Swept(unfinished=1, seen=1)]
    assert not left.exists()


def test_a_folder_that_goes_while_another_body_comes_is_made_again(place, root, monkeypatch):
    """The last body of a folder is deleted between the moment that it is found and that a file is made in it."""
    put(place)
    really_open, failed = os.open, []

    def open_once_too_late(path, flags, *rest, **more):
        if flags & os.O_CREAT and not failed:
            failed.append(path)
            raise FileNotFoundError(errno.ENOENT, "gone")
        return really_open(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", open_once_too_late)
    assert read(place, put(place, "store-1/ab/job-1/1")) == b"content"
    assert failed


def test_a_body_needs_no_memory_of_its_size(root):
    code = (
        "import resource, sys\nfrom pathlib import Path\nfrom pubsubctl.payloads.directory import Directory\n"
        "place = Directory(Path(sys.argv[1]))\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "piece = bytes(1 << 20)\n"
        "with place.create('s/00/j/1') as writing:\n"
        "    for _ in range(100): writing.write(piece)\n"
        "    payload = writing.commit()\n"
        "with place.open(payload) as file:\n"
        "    while file.read(1 << 20): pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(root)], capture_output=True, timeout=60, check=True)
    assert int(done.stdout) < 10 << 10, "KiB"


def test_a_place_is_opened_without_what_only_urls_need():
    code = (
        "import sys\nfrom pubsubctl.payloads.opening import open_place\nopen_place('x')\n"
        "sys.exit(bool({'fsspec', 'gcsfs', 'aiohttp', 'sqlalchemy', 'grpc', 'rich'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=30, check=False).returncode == 0


def test_a_file_url_is_a_directory(tmp_path):
    from pubsubctl.payloads.opening import open_place

    place = open_place(f"file://{tmp_path}/bodies")
    assert isinstance(place, Directory)
    assert place.place == str(Path(tmp_path, "bodies"))
