from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st

from pubsubctl.exchange import Request, Response
from pubsubctl.job import Job
from pubsubctl.store import rows
from pubsubctl.store.claims import WorkerInfo
from pubsubctl.store.schema import jobs, workers

HEADERS = st.lists(st.tuples(st.text(), st.text())).map(tuple)


@given(HEADERS)
def test_headers_come_back_as_they_went_in_and_are_ascii_in_between(headers):
    kept = rows.dump_headers(headers)
    assert kept.isascii()
    assert rows.load_headers(kept) == headers


@given(HEADERS, st.binary())
def test_a_request_comes_back_from_its_row(headers, body):
    request = Request("POST", "/x", headers, body)
    row = rows.request_row("job-1", request)
    assert rows.request([row["method"], row["path"], row["headers"], row["body"], row["payload"]]) == request


@given(HEADERS, st.binary())
def test_a_response_comes_back_from_its_row(headers, body):
    response = Response(404, headers, body, "Gone fishing")
    row = rows.response_row("job-1", response)
    assert rows.response([row["status"], row["headers"], row["body"], row["phrase"], row["payload"]]) == response


@given(st.text(st.characters(codec=None, exclude_categories=[])))
def test_words_for_people_can_always_be_written_and_only_lose_what_cannot(value):
    kept = rows.text(value)
    assert "\0" not in kept
    kept.encode()
    assert rows.text(kept) == kept
    if "\0" not in value and not any("\ud800" <= c <= "\udfff" for c in value):
        assert kept == value


def test_the_columns_of_a_job_are_in_the_order_of_its_attributes():
    names = [field.name for field in fields(Job)]
    assert jobs.c.keys()[: len(names)] == names


def test_the_columns_of_a_worker_are_in_the_order_of_its_attributes():
    assert workers.c.keys() == [field.name for field in fields(WorkerInfo)]
