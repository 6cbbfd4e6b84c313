"""Requests as messages and back: the round trip, the limits, and what plain publishers send."""

import string

import pytest
from google.pubsub_v1.types import PubsubMessage
from hypothesis import given
from hypothesis import strategies as st

from pubsubctl import wire
from pubsubctl.errors import InvalidRequest, MalformedMessage
from pubsubctl.exchange import METHODS, Payload, Request
from pubsubctl.names import new_job_id
from pubsubctl.wire import MAX_MESSAGE_BYTES, Envelope, decode, encode

TOKEN = "!#$%&'*+-.^_`|~" + string.ascii_letters + string.digits
names = st.text(TOKEN, min_size=1, max_size=60)
values = st.text(st.characters(max_codepoint=0xFF, exclude_categories=["Cc"]), max_size=1500)
paths = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="#"), max_size=3000).map("/".__add__)
requests = st.builds(
    Request.of,
    method=st.sampled_from(METHODS),
    path=paths,
    headers=st.lists(st.tuples(names, values), max_size=8),
    body=st.binary(max_size=4096),
)


def over_the_wire(envelope: Envelope) -> tuple[bytes, dict[str, str]]:
    data, attributes = encode(envelope)
    message = PubsubMessage(data=data, attributes=attributes)
    received = PubsubMessage.deserialize(PubsubMessage.serialize(message))
    return received.data, dict(received.attributes)


@given(requests, st.none() | st.just("batch-1"), st.none() | st.just("store-1"))
def test_every_request_that_fits_comes_back_as_it_was(request, batch_id, store_id):
    envelope = Envelope(new_job_id(), request, batch_id, store_id)
    data, attributes = over_the_wire(envelope)
    assert decode(data, attributes, message_id="1") == envelope


@given(requests)
def test_a_message_keeps_within_the_limits_of_pubsub(request):
    data, attributes = encode(Envelope(new_job_id(), request))
    assert len(attributes) <= 100
    assert all(len(key.encode()) <= 256 and len(value.encode()) <= 1024 for key, value in attributes.items())
    assert not any(key.startswith("goog") for key in attributes)
    assert PubsubMessage.pb(PubsubMessage(data=data, attributes=attributes)).ByteSize() <= 10_000_000


def test_header_names_that_look_like_continuations_do_not_mix_with_them():
    request = Request.of("GET", "/", [("x", "a" * 1500), ("x.1", "b"), ("x%2e1", "c")])
    data, attributes = over_the_wire(Envelope("j", request))
    assert decode(data, attributes, message_id="1").request == request


def test_values_are_cut_between_characters():
    path = "/" + "é" * 1000
    _, attributes = encode(Envelope("j", Request.of("GET", path)))
    assert attributes["path"] + attributes["path.1"] == path


def test_a_body_of_ten_megabytes_is_refused_with_the_limit():
    with pytest.raises(InvalidRequest, match=r"10,000,\d\d\d bytes.*at most 9,997,952"):
        encode(Envelope("j", Request.of("POST", "/", body=bytes(10_000_000))))


def test_the_largest_body_fits_into_a_publish_of_ten_megabytes():
    request = Request.of("POST", "/p", body=bytes(wire.MAX_MESSAGE_BYTES - 100))
    data, attributes = encode(Envelope("j", request))
    assert PubsubMessage.pb(PubsubMessage(data=data, attributes=attributes)).ByteSize() < 10_000_000 - 1_000


def test_headers_that_need_more_than_a_hundred_attributes_are_refused_with_the_limit():
    headers = [(f"x-{number}", "v") for number in range(99)]
    with pytest.raises(InvalidRequest, match=r"102 attributes.*at most 100"):
        encode(Envelope("j", Request.of("GET", "/", headers)))
    encode(Envelope("j", Request.of("GET", "/", headers[:97])))


def test_one_long_header_counts_with_all_its_pieces():
    with pytest.raises(InvalidRequest, match="at most 100"):
        encode(Envelope("j", Request.of("GET", "/", [("x", "v" * 1024 * 98)])))


def test_a_header_name_too_long_for_a_key_is_refused_with_the_limit():
    with pytest.raises(InvalidRequest, match=r"257 bytes.*allows 256"):
        encode(Envelope("j", Request.of("GET", "/", [("x" * 250, "v")])))


def test_a_plain_message_goes_to_the_route_and_gets_an_id_from_its_message():
    envelope = decode(b'{"a": 1}', {}, message_id="42", route="POST /predict")
    assert envelope == Envelope(
        "msg-42", Request.of("POST", "/predict", [("content-type", "application/json")], b'{"a": 1}')
    )


def test_a_route_may_leave_the_method_to_the_body():
    assert decode(b"x", {}, message_id="1", route="/p").request.method == "POST"
    assert decode(b"", {}, message_id="1", route="/p").request.method == "GET"


def test_space_around_the_parts_of_a_route_is_no_part_of_them():
    request = decode(b"", {}, message_id="1", route="\tPUT \t /a b  ").request
    assert (request.method, request.path) == ("PUT", "/a b")
    assert decode(b"", {}, message_id="1", route=" /a b ").request.path == "/a b"


def test_a_plain_message_that_is_no_json_gets_no_content_type():
    assert decode(b"\xff{", {}, message_id="1", route="POST /p").request.headers == ()


def test_a_plain_message_may_name_its_path_and_content_type_itself():
    envelope = decode(b"a,b", {"path": "/csv", "content-type": "text/csv", "other": "x"}, message_id="1")
    assert envelope.request == Request.of("POST", "/csv", [("content-type", "text/csv")], b"a,b")


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        ({}, "no 'path' attribute"),
        ({"path": "predict"}, "must begin with '/'"),
        ({"path": "/", "method": "BREW"}, "unknown method 'BREW'"),
        ({"path": "/", "job-id": "a b"}, "no job id"),
        ({"path": "/", "header-x y": "1"}, "header name 'x y'"),
        ({"path": "/", "header-x": "1\r\n"}, "line break"),
    ],
)
def test_a_message_that_is_no_job_says_why(attributes, why):
    with pytest.raises(MalformedMessage, match=why):
        decode(b"", attributes, message_id="1")


@given(st.binary(max_size=200), st.dictionaries(st.text(max_size=20), st.text(max_size=50), max_size=8))
def test_no_message_breaks_the_decoder(data, attributes):
    try:
        envelope = decode(data, attributes, message_id="1", route="POST /")
    except MalformedMessage:
        return
    assert envelope.request.path.startswith("/")


# --- bodies that are kept apart ---------------------------------------------------------------------------------------

PAYLOAD = Payload("store/ab/job/request", 3 << 30, "ab" * 32)
SAID = {"payload-ref": PAYLOAD.key, "payload-size": str(PAYLOAD.size), "payload-digest": PAYLOAD.digest}


def test_of_a_body_that_is_kept_apart_the_message_says_where_it_is_and_nothing_more():
    request = Request("POST", "/x", (("content-type", "a/b"),), payload=PAYLOAD)
    data, attributes = encode(Envelope("job-1", request, store_id="store"))
    assert data == b""
    assert {key: value for key, value in attributes.items() if key.startswith("payload")} == SAID
    assert decode(data, attributes, message_id="1").request == request


def test_a_plain_message_with_a_body_apart_is_a_post():
    assert decode(b"", {"path": "/x", **SAID}, message_id="1").request == Request("POST", "/x", payload=PAYLOAD)


@pytest.mark.parametrize(
    ("changes", "data", "why"),
    [
        ({}, b"x", "a 'payload-ref' and data too"),
        ({"payload-size": None}, b"", "no 'payload-size'"),
        ({"payload-digest": None}, b"", "no 'payload-digest'"),
        ({"payload-size": "-1"}, b"", "'-1' is no size"),
        ({"payload-size": "1e9"}, b"", "no size"),
        ({"payload-size": "٣"}, b"", "no size"),
        ({"payload-digest": "AB" * 32}, b"", "no SHA-256"),
        ({"payload-digest": "ab" * 31}, b"", "no SHA-256"),
        ({"payload-ref": "../x"}, b"", "no key of a payload"),
        ({"payload-ref": "/etc/passwd"}, b"", "no key of a payload"),
        ({"payload-ref": "gs://bucket/x"}, b"", "no key of a payload"),
        ({"payload-ref": ""}, b"", "no key of a payload"),
    ],
)
def test_a_message_that_says_too_little_or_nonsense_of_its_body_is_no_job(changes, data, why):
    attributes = {key: value for key, value in {"path": "/x", **SAID, **changes}.items() if value is not None}
    with pytest.raises(MalformedMessage, match=why):
        decode(data, attributes, message_id="1")


def test_what_is_too_large_for_a_message_is_told_where_it_could_go():
    with pytest.raises(InvalidRequest, match=r"--payloads DIR\|gs://bucket/prefix"):
        encode(Envelope("job-1", Request.of("POST", "/x", (), bytes(MAX_MESSAGE_BYTES))))
