"""The mirror of a dead letter: there is always one, and it never claims to be more than it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsubctl import wire
from pubsubctl.broker.deadletter import SOURCE_DELIVERIES, SOURCE_SUBSCRIPTION, as_it_came, buried_id, mirror
from pubsubctl.broker.publish import Outgoing
from pubsubctl.errors import InvalidRequest
from pubsubctl.exchange import Request
from pubsubctl.job import Job, JobState, Reason

OWN = {"job-id", "method", "path", "store-id"}
SAID = {"dead-letter-job": "j", "dead-letter-reason": "exhausted", "dead-letter-error": "5 attempts failed"}


def a_job(**changes) -> Job:
    given = {"id": "j", "state": JobState.FAILED, "method": "POST", "path": "/p", "created_at": 0.0}
    return Job(**given | {"reason": Reason.EXHAUSTED, "error": "5 attempts failed", "ordering_key": "k"} | changes)


def with_attributes(count: int, body: bytes = b"body") -> Request:
    """A request that needs that many attributes as a job."""
    headers = [(f"x-{number:03}", "v") for number in range(count - len(OWN))]
    return Request.of("POST", "/p", headers, body)


def said(attributes) -> list[str]:
    return [key.removeprefix("dead-letter-") for key in attributes if key.startswith("dead-letter-")]


def test_it_is_the_message_of_the_job_with_the_reason():
    request = with_attributes(7)
    letter = mirror(a_job(batch_id="b"), request, store_id="s")
    assert (letter.data, letter.ordering_key) == (b"body", "k")
    assert wire.decode(letter.data, letter.attributes, message_id="1") == wire.Envelope("j", request, "b", "s")
    assert letter.attributes.items() >= SAID.items()


def test_what_was_no_job_is_mirrored_as_it_came():
    request = Request("", "", (("any", "thing"),), b"\xff")
    letter = mirror(a_job(reason=Reason.MALFORMED, error=None), request, store_id="s")
    assert letter.data == b"\xff"
    assert letter.attributes == {"any": "thing", "dead-letter-job": "j", "dead-letter-reason": "malformed"}


def test_a_mirror_is_never_taken_for_what_the_broker_gave_up():
    request = Request("", "", ((SOURCE_SUBSCRIPTION, "s"), (SOURCE_DELIVERIES, "5"), ("any", "thing")), b"x")
    letter = mirror(a_job(reason=Reason.MALFORMED), request, store_id="s")
    assert letter.attributes == {"any": "thing", **SAID, "dead-letter-reason": "malformed"}


def test_what_was_no_job_goes_out_as_it_came_with_its_id_and_its_store():
    request = Request("", "", (("any", "thing"), ("job-id", "no id!"), ("store-id", "other")), b"\xff")
    message = as_it_came(a_job(id="msg-1", ordering_key=""), request, store_id="s")
    assert message == Outgoing(b"\xff", {"any": "thing", "job-id": "msg-1", "store-id": "s"})
    found = wire.decode(message.data, message.attributes, message_id="2", route="POST /route")
    assert (found.job_id, found.store_id, found.request.path) == ("msg-1", "s", "/route")


@pytest.mark.parametrize(
    ("attributes", "kept_as"),
    [
        ({}, "msg-2"),
        ({"job-id": "msg-1", "store-id": "s"}, "msg-1"),
        ({"job-id": "msg-1", "store-id": "other"}, "msg-2"),
        ({"job-id": "msg-1"}, "msg-2"),
        ({"store-id": "s"}, "msg-2"),
    ],
)
def test_what_is_no_job_still_is_known_by_the_id_that_it_was_sent_out_with(attributes, kept_as):
    assert buried_id(attributes, "2", store_id="s") == kept_as


def test_what_was_no_job_and_has_no_room_for_an_id_is_refused():
    full = Request("", "", tuple((f"key-{number}", "v") for number in range(99)), b"")
    with pytest.raises(InvalidRequest, match="101 attributes"):
        as_it_came(a_job(), full, store_id="s")


@pytest.mark.parametrize(
    ("needed", "kept"),
    [
        (97, ["job", "reason", "error"]),
        (98, ["job", "reason"]),
        (99, ["job"]),
        (100, []),
    ],
)
def test_the_error_goes_first_then_the_reason_then_the_job(needed, kept):
    letter = mirror(a_job(), with_attributes(needed), store_id="s")
    assert said(letter.attributes) == kept
    assert len(letter.attributes) == needed + len(kept)


def test_then_goes_all_that_the_job_was_beside_its_body_and_the_reason_is_back():
    letter = mirror(a_job(), with_attributes(101), store_id="s")
    assert (letter.attributes, letter.data) == (SAID, b"body")


def test_a_key_that_has_no_room_counts_as_well():
    request = Request("POST", "/p", (("x" * 250, "v"),), b"body")
    assert mirror(a_job(), request, store_id="s").attributes == SAID


def test_a_body_that_leaves_no_room_for_attributes_loses_them():
    body = bytes(wire.MAX_MESSAGE_BYTES - 200)
    letter = mirror(a_job(), Request.of("POST", "/" + "p" * 300, (), body), store_id="s")
    assert (letter.attributes, letter.data) == (SAID, body)


def test_a_body_that_leaves_no_room_at_all_stays_in_the_store():
    letter = mirror(a_job(reason=Reason.MALFORMED), Request("", "", (), bytes(10_000_000)), store_id="s")
    assert (letter.attributes, letter.data) == (SAID | {"dead-letter-reason": "malformed"}, b"")


@given(
    st.lists(st.tuples(st.text(max_size=300), st.text(max_size=1500)), max_size=110, unique_by=lambda pair: pair[0]),
    st.integers(0, 10_000_000).map(bytes),
    st.sampled_from([Reason.MALFORMED, Reason.EXHAUSTED]),
    st.none() | st.text(st.characters(), max_size=2000),
)
def test_whatever_the_job_there_is_a_mirror_that_a_message_can_carry(headers, body, reason, error):
    pairs = tuple((name, value.encode(errors="ignore").decode()) for name, value in headers)
    letter = mirror(a_job(reason=reason, error=error), Request("POST", "/p", pairs, body), store_id="s")
    wire.check_limits(letter.attributes, len(letter.data))
    assert letter.attributes
