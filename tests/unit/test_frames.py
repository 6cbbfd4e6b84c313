"""Frames come out as they went in, in whatever pieces they arrive."""

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsubctl.worker.frames import Frame, Unpacker, pack

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
frames = st.builds(Frame, st.dictionaries(st.text(max_size=8), values, max_size=4), st.binary(max_size=300))


@given(st.lists(frames, max_size=8), st.data())
def test_frames_are_the_same_in_whatever_pieces_they_arrive(sent, data):
    stream = b"".join(pack(frame.header, frame.body) for frame in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    unpacker = Unpacker()
    received = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        received.extend(unpacker.feed(stream[start:end]))
    assert received == sent


def test_frames_are_given_as_soon_as_they_are_whole_and_no_sooner():
    one, two = pack({"kind": "a"}, b"body"), pack({"kind": "b"})
    unpacker = Unpacker()
    for index in range(len(one) - 1):
        assert list(unpacker.feed(one[index : index + 1])) == []
    assert list(unpacker.feed(one[-1:] + two[:-1])) == [Frame({"kind": "a"}, b"body")]
    assert list(unpacker.feed(two[-1:])) == [Frame({"kind": "b"})]


def test_a_frame_of_many_megabytes_comes_through():
    body = bytes(range(256)) * 40_000
    stream = pack({"kind": "done"}, body)
    unpacker = Unpacker()
    received = [
        frame for start in range(0, len(stream), 1 << 18) for frame in unpacker.feed(stream[start : start + (1 << 18)])
    ]
    assert received == [Frame({"kind": "done"}, body)]


def test_a_body_is_bytes_that_outlive_what_they_came_from():
    unpacker = Unpacker()
    first = next(iter(list(unpacker.feed(pack({}, b"first")))))
    list(unpacker.feed(pack({}, b"other")))
    assert first.body == b"first"
    assert isinstance(first.body, bytes)


def test_the_layout_is_two_lengths_the_header_as_json_and_the_body():
    packed = pack({"kind": "é"}, b"\x00\xff")
    head_bytes, body_bytes = struct.unpack("!II", packed[:8])
    assert json.loads(packed[8 : 8 + head_bytes]) == {"kind": "é"}
    assert packed[8 + head_bytes :] == b"\x00\xff"
    assert body_bytes == 2


@pytest.mark.parametrize(("header", "kind"), [({"kind": "done"}, "done"), ({}, "None")])
def test_the_kind_of_a_frame_is_what_its_header_says(header, kind):
    assert Frame(header).kind == kind
