"""Bodies that nobody needs any more are deleted beside everything else, and what cannot be is left to a walk."""

import logging

import pytest
from project import wait_for

from pubsubctl.exchange import Response
from pubsubctl.payloads.directory import Directory
from pubsubctl.payloads.keys import request_key, response_key
from pubsubctl.worker.disposal import Disposal


@pytest.fixture
def place(tmp_path):
    place = Directory(tmp_path / "bodies")
    place.check()
    return place


def put(place, key):
    with place.create(key) as writing:
        writing.write(b"content")
        return writing.commit()


def files(place):
    return sorted(path.name for path in place._root.rglob("*") if path.is_file())


def test_an_answer_and_whole_jobs_are_deleted(place):
    disposal = Disposal(place, "s")
    late = put(place, response_key("s", "one", 1))
    for job_id in ("one", "two", "three"):
        put(place, request_key("s", job_id))
    disposal.response(Response(200, payload=late))
    disposal.response(Response(200, body=b"small"))
    disposal.response(None)
    wait_for(lambda: not disposal.busy, what="it is deleted")
    assert files(place) == ["request"] * 3
    disposal.jobs(["two", "three", "never-had-any"])
    disposal.close(10)
    assert files(place) == ["request"]


def test_a_place_that_is_away_is_told_of_once_and_costs_nothing_else(place, caplog):
    disposal = Disposal(place, "s")
    place._root.rmdir()
    with caplog.at_level(logging.WARNING):
        disposal.jobs(["one", "two"])
        disposal.jobs(["three"])
        disposal.close(10)
    assert not disposal.busy
    assert caplog.text.count("bodies that nobody needs stay where they are") == 1


def test_a_worker_without_a_place_says_so_once(caplog):
    disposal = Disposal(None, "s")
    with caplog.at_level(logging.WARNING):
        disposal.jobs([])
        assert caplog.text == ""
        disposal.jobs(["one"])
        disposal.jobs(["two"])
        disposal.close(1)
    assert caplog.text.count("start it with the --payloads of the others") == 1


def test_an_answer_that_the_store_has_after_all_is_not_deleted(place):
    """The commit that recorded it was done, and whoever asked was told that the store is away."""
    recorded = Response(200, payload=put(place, response_key("s", "one", 2)))
    late = Response(200, payload=put(place, response_key("s", "one", 1)))
    disposal = Disposal(place, "s", {"one": recorded}.get)
    disposal.response(recorded)
    disposal.response(late)
    disposal.close(10)
    assert files(place) == ["2"]


def test_a_job_that_has_come_again_keeps_its_bodies(place):
    disposal = Disposal(place, "s", is_known={"one"}.__contains__)
    for job_id in ("one", "two"):
        put(place, request_key("s", job_id))
    disposal.jobs(["one", "two"])
    disposal.close(10)
    assert [path.parent.name for path in place._root.rglob("*") if path.is_file()] == ["one"]
