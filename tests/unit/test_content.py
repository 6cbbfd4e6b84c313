"""What a request's body may be before it is submitted, and how it is read."""

import io
import os
import threading

import pytest

from pubsubctl.content import InMemory, Stream, of_open_file, of_path
from pubsubctl.errors import InvalidRequest
from pubsubctl.multipart import Form, Upload
from pubsubctl.submission import build

MB = 1 << 20


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(os.urandom(3 * MB + 5))
    return path


def test_a_file_is_read_in_pieces_and_again_and_again(file):
    content = of_path(file)
    assert content.size == 3 * MB + 5
    assert max(map(len, content.pieces())) <= MB
    assert content.read() == content.read() == file.read_bytes()


def test_an_open_file_is_read_from_where_it_stands_and_stays_open(file):
    with file.open("rb") as opened:
        opened.seek(7)
        content = of_open_file(opened)
        assert content.size == 3 * MB - 2
        assert content.read() == content.read() == file.read_bytes()[7:]
        assert not opened.closed


def test_a_file_that_grows_or_shrinks_is_not_submitted(file):
    for size in (MB, 4 * MB):
        content = of_path(file)
        os.truncate(file, size)
        with pytest.raises(InvalidRequest, match="was changed while it was read"):
            content.read()


def test_a_file_of_text_is_refused(tmp_path):
    (tmp_path / "t").write_text("text")
    with (tmp_path / "t").open() as opened, pytest.raises(InvalidRequest, match="open it in binary mode"):
        of_open_file(opened)
    with pytest.raises(InvalidRequest, match="not of int"):
        build("POST", "/", data=7)


def test_of_a_stream_no_more_is_read_than_shows_whether_it_is_large():
    source = io.BytesIO(bytes(10 * MB))
    found = Stream("standard input", source).peeked(2 * MB)
    assert isinstance(found, Stream)
    assert source.tell() == 2 * MB + 1
    assert b"".join(found.pieces()) == bytes(10 * MB)


@pytest.mark.parametrize("size", [0, 1, 2 * MB])
def test_a_stream_that_is_small_is_in_memory(size):
    found = Stream("standard input", io.BytesIO(bytes(size))).peeked(2 * MB)
    assert isinstance(found, InMemory)
    assert (found.size, found.read()) == (size, bytes(size))


def test_a_pipe_is_a_stream(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(b"x" * MB,))
    writer.start()
    content = of_path(tmp_path / "pipe")
    assert content.size is None
    assert content.read() == b"x" * MB
    writer.join()


def test_a_form_knows_its_length_and_is_the_same_whether_its_files_are_in_memory_or_not(file):
    def form(content):
        return Form([("a", "1"), ("f", Upload("a.bin", content, "a/b")), ("é", "2")])

    on_disk, in_memory = form(of_path(file)), form(file.read_bytes())
    assert on_disk.content_type == in_memory.content_type
    assert on_disk.read() == on_disk.read() == in_memory.read()
    assert on_disk.size == len(on_disk.read())
    assert file.read_bytes() in on_disk.read()


def test_another_content_is_another_boundary(file):
    first = Form([("f", Upload.of(file))]).content_type
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    assert Form([("f", Upload.of(file))]).content_type != first
