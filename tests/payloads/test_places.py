"""What every payload place promises: ``payloads.base`` in cases."""

import hashlib
import os
import time
from contextlib import suppress
from dataclasses import replace

import pytest

from pubsubctl.errors import InvalidName, PayloadDamaged, PayloadMissing
from pubsubctl.exchange import Payload
from pubsubctl.payloads import orphans
from pubsubctl.payloads.keys import SHARDS, folder_of, request_key, response_key

KEY = "store-1/ab/job-1/request"

# aiohttp's own, about what gcsfs gives it.
pytestmark = pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")


def put(place, key=KEY, content=b"content"):
    with place.create(key) as writing:
        writing.write(content)
        return writing.commit()


def read(place, payload):
    with place.open(payload) as file:
        return file.read()


class Jobs:
    """A store that has these jobs."""

    store_id = "store-1"

    def __init__(self, *job_ids):
        self._ids = set(job_ids)

    def get(self, job_ids):
        return [job_id if job_id in self._ids else None for job_id in job_ids]


def swept(place, jobs, **more):
    parts = list(orphans.sweep(place, jobs, **more))
    return sum(part.orphans for part in parts), sum(part.seen for part in parts)


def a_day_later():
    return time.time() + orphans.ORPHAN_AGE_S + 60


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (9 << 20) + 7])
def test_a_body_comes_back_as_it_was_put_there(place, size):
    content = os.urandom(size)
    payload = put(place, content=content)
    assert payload == Payload(KEY, size, hashlib.sha256(content).hexdigest())
    assert read(place, payload) == content


def test_a_body_is_read_as_any_file(place):
    payload = put(place, content=b"one\ntwo\nthree")
    with place.open(payload) as file:
        assert file.read(2) == b"on"
        assert file.readline() == b"e\n"
        assert list(file) == [b"two\n", b"three"]


def test_it_is_written_in_pieces_of_any_size(place):
    with place.create(KEY) as writing:
        for piece in (b"a", b"", b"b" * (3 << 20), memoryview(b"c")):
            writing.write(piece)
        payload = writing.commit()
    assert read(place, payload) == b"a" + b"b" * (3 << 20) + b"c"


def test_what_was_not_committed_is_not_there(place):
    with place.create(KEY) as writing:
        writing.write(b"x" * (10 << 20))
    with pytest.raises(PayloadMissing):
        place.open(Payload(KEY, 10 << 20, hashlib.sha256(b"x" * (10 << 20)).hexdigest()))


def test_an_error_in_the_middle_leaves_nothing(place):
    with suppress(KeyboardInterrupt), place.create(KEY) as writing:
        writing.write(b"x")
        raise KeyboardInterrupt
    assert place.names("store-1/ab/job-1") == []


def test_a_body_that_is_not_there_is_missing(place):
    with pytest.raises(PayloadMissing, match=f"the body {KEY} is not in "):
        place.open(Payload(KEY, 1, "0" * 64))


@pytest.mark.parametrize("content", [b"contenT", b"conten", b"content and more", b""])
def test_a_body_that_is_another_is_damaged(place, content):
    payload = put(place)
    put(place, content=content)
    with pytest.raises(PayloadDamaged, match=f"the body {KEY} in .* is damaged"):
        place.open(payload)


@pytest.mark.parametrize(
    "key",
    [
        "",
        ".",
        "..",
        "../x",
        "a/../b",
        "/etc/passwd",
        "a//b",
        "a/",
        "a/.hidden",
        "gs://b/x",
        "a\0b",
        "a\nb",
        "a\\b",
        "ü",
    ],
)
def test_a_key_that_leads_elsewhere_is_none(place, key):
    with pytest.raises(InvalidName, match="is no key of a payload"):
        place.open(Payload(key, 1, "0" * 64))
    with pytest.raises(InvalidName):
        place.create(key)
    with pytest.raises(InvalidName):
        place.delete(key)


def test_one_body_is_deleted_and_the_others_stay(place):
    first, second = put(place, "s/00/j/1"), put(place, "s/00/j/2")
    place.delete(first.key)
    place.delete(first.key)
    with pytest.raises(PayloadMissing):
        place.open(first)
    assert read(place, second) == b"content"


def test_the_bodies_of_a_job_are_deleted_together(place):
    keys = [request_key("s", "j"), response_key("s", "j", 1), response_key("s", "j", 2)]
    mine = [put(place, key) for key in keys]
    others = [put(place, request_key(*each)) for each in (("s", "j2"), ("s", "j-"), ("s2", "j"))]
    place.delete_folder(folder_of("s", "j"))
    place.delete_folder(folder_of("s", "j"))
    for payload in mine:
        with pytest.raises(PayloadMissing):
            place.open(payload)
    assert [read(place, payload) for payload in others] == [b"content"] * 3


def test_what_is_deleted_can_be_put_there_anew(place):
    payload = put(place)
    place.delete_folder("store-1/ab/job-1")
    put(place)
    assert read(place, payload) == b"content"


def test_a_body_whose_job_is_not_in_the_store_is_an_orphan_after_a_day(place):
    for job_id in ("known", "lost", "lost-too"):
        put(place, request_key("store-1", job_id))
    foreign = put(place, request_key("store-2", "lost"))
    jobs = Jobs("known")
    assert swept(place, jobs) == (0, 3), "all of them are younger"
    assert swept(place, jobs, dry_run=True, clock=a_day_later) == (2, 3)
    assert swept(place, jobs, clock=a_day_later) == (2, 3)
    assert swept(place, jobs, clock=a_day_later) == (0, 1)
    assert place.names(folder_of("store-1", "known")) == ["request"]
    assert read(place, foreign) == b"content"


def test_a_place_without_any_body_has_no_orphans(place):
    assert swept(place, Jobs()) == (0, 0)


def test_jobs_are_spread_over_folders_and_every_one_of_them_is_walked():
    found = {folder_of("s", f"job-{number}").split("/")[1] for number in range(5000)}
    assert found == set(SHARDS)


def test_a_damaged_body_leaves_no_file_open_and_its_right_length_makes_no_difference(place):
    payload = replace(put(place), digest="0" * 64)
    with pytest.raises(PayloadDamaged, match="its digest is not that which was noted"):
        place.open(payload)
