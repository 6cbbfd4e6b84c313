"""REST: the same API as over gRPC, as JSON."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherRestTransport, rest_base
from google.pubsub_v1.services.schema_service.transports import rest_base as schema_rest_base
from google.pubsub_v1.services.subscriber.transports import SubscriberRestTransport
from google.pubsub_v1.services.subscriber.transports import rest_base as subscriber_rest_base
from pubsub_kit import Broker, data_of, eventually
from rest_kit import Rest, ask, decoded, dial

from pubsubctl.emulator.embedded import EmbeddedBroker, Faults
from pubsubctl.emulator.embedded.chaos import Chaos, Plan
from pubsubctl.emulator.embedded.protocol import Empty
from pubsubctl.emulator.embedded.rest.api import Api
from pubsubctl.emulator.embedded.rest.messages import Request
from pubsubctl.emulator.embedded.rest.routes import TABLE
from pubsubctl.emulator.embedded.rpcs import Rpc
from pubsubctl.emulator.embedded.status import Refusal

INVALID = "INVALID_ARGUMENT"


# The routes


def google_routes() -> set[tuple[str, str, str, str]]:
    """What google-cloud-pubsub's own REST transports know."""
    found = set()
    for module in (rest_base, subscriber_rest_base, schema_rest_base):
        [transport] = [kind for name, kind in vars(module).items() if name in module.__all__]
        for name, kind in vars(transport).items():
            if name.startswith("_Base") and hasattr(kind, "_get_http_options"):
                for option in kind._get_http_options():
                    found.add((name[5:], option["method"].upper(), option["uri"], option.get("body", "")))
    return found


def test_the_routes_are_those_of_googles_own_clients() -> None:
    assert set(TABLE) == google_routes()
    assert len(TABLE) == len(set(TABLE))


def test_every_rpc_but_the_stream_has_a_route() -> None:
    pool = Empty.DESCRIPTOR.file.pool
    services = [f"google.pubsub.v1.{name}" for name in ("Publisher", "Subscriber", "SchemaService")]
    services.append("google.iam.v1.IAMPolicy")
    rpcs = {method.name for service in services for method in pool.FindServiceByName(service).methods}
    assert rpcs - {row[0] for row in TABLE} == {"StreamingPull"}


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/nope"),
        ("GET", "/v1"),
        ("GET", "/v1/projects/p/topics/topic:nope"),
        ("POST", "/v1/projects/p/topics/topic:publish/x"),
        ("GET", "/v1/projects//topics"),
        ("GET", "/v1/projects/p/topics/"),
        ("POST", "/v1/projects/p/subscriptions/sub:streamingPull"),
    ],
)
def test_what_is_no_path_of_the_api_is_not_found(rest: Rest, method: str, target: str) -> None:
    status, code, text = rest(method, target).error
    assert (status, code) == (404, "NOT_FOUND")
    assert target in text


def test_a_path_with_another_method_says_which_it_takes(rest: Rest) -> None:
    status, _, text = rest("POST", "topics/abc").error
    assert status == 404
    assert "takes DELETE and GET and PATCH and PUT, not POST" in text


# Google's own client


@pytest.fixture
def clients(embedded: Broker) -> Iterator[tuple[PublisherClient, SubscriberClient]]:
    options = {"host": f"http://{embedded.address}", "url_scheme": "http", "credentials": AnonymousCredentials()}
    publisher = PublisherClient(transport=PublisherRestTransport(**options))
    subscriber = SubscriberClient(transport=SubscriberRestTransport(**options))
    yield publisher, subscriber
    publisher.transport.close()
    subscriber.transport.close()


def test_googles_client_over_rest(embedded: Broker, clients: tuple[PublisherClient, SubscriberClient]) -> None:
    publisher, subscriber = clients
    topic, subscription = embedded.name("topics"), embedded.name("subscriptions")
    assert publisher.create_topic(name=topic).state.name == "ACTIVE"
    made = subscriber.create_subscription(name=subscription, topic=topic)
    assert made.ack_deadline_seconds == 10
    changed = {"name": subscription, "ack_deadline_seconds": 30, "labels": {"a": "b"}}
    mask = FieldMask(paths=["ack_deadline_seconds", "labels"])
    updated = subscriber.update_subscription(subscription=changed, update_mask=mask)
    assert (updated.ack_deadline_seconds, updated.labels) == (30, {"a": "b"})
    message = {"data": b"\xff\x00", "attributes": {"k": "v"}, "ordering_key": "o"}
    [id_] = publisher.publish(topic=topic, messages=[message]).message_ids
    [received] = subscriber.pull(subscription=subscription, max_messages=10).received_messages
    assert (received.message.data, received.message.message_id) == (b"\xff\x00", id_)
    assert (dict(received.message.attributes), received.message.ordering_key) == ({"k": "v"}, "o")
    subscriber.acknowledge(subscription=subscription, ack_ids=[received.ack_id])
    assert [one.name for one in publisher.list_topics(project=f"projects/{embedded.project}")] == [topic]
    assert list(publisher.list_topic_subscriptions(topic=topic)) == [subscription]
    publisher.delete_topic(topic=topic)
    assert subscriber.get_subscription(subscription=subscription).topic == "_deleted-topic_"


def test_errors_are_those_that_googles_client_knows(
    embedded: Broker, clients: tuple[PublisherClient, SubscriberClient]
) -> None:
    publisher, subscriber = clients
    topic = embedded.topic()
    with pytest.raises(exceptions.Conflict, match="Topic already exists"):
        publisher.create_topic(name=topic)
    with pytest.raises(exceptions.NotFound):
        subscriber.get_subscription(subscription=embedded.name("subscriptions"))
    with pytest.raises(exceptions.BadRequest):
        publisher.publish(topic=topic, messages=[])


# JSON


def test_rest_and_grpc_are_one_broker(rest: Rest) -> None:
    assert rest("PUT", "topics/shared", {"labels": {"a": "b"}}).json["labels"] == {"a": "b"}
    [topic] = rest.broker.publisher.list_topics(project=f"projects/{rest.broker.project}")
    assert topic.labels == {"a": "b"}


def test_fields_have_both_names(rest: Rest) -> None:
    topic = rest.broker.topic()
    body = {"topic": topic, "ack_deadline_seconds": 20, "messageRetentionDuration": "600s"}
    got = rest("PUT", "subscriptions/both", body).json
    assert (got["ackDeadlineSeconds"], got["messageRetentionDuration"]) == (20, "600s")


@pytest.mark.parametrize("mask", ["ackDeadlineSeconds,retryPolicy.minimumBackoff", "ack_deadline_seconds,retry_policy"])
@pytest.mark.parametrize("place", ["body", "query"])
def test_field_masks_have_both_forms_and_places(rest: Rest, mask: str, place: str) -> None:
    id_ = rest.subscription()
    body: dict[str, Any] = {"subscription": {"ackDeadlineSeconds": 33, "retryPolicy": {"minimumBackoff": "1s"}}}
    query = f"?updateMask={mask}" if place == "query" else ""
    if place == "body":
        body["updateMask"] = mask
    assert rest("PATCH", f"{id_}{query}", body).status == 200
    got = rest("GET", id_).json
    assert (got["ackDeadlineSeconds"], got["retryPolicy"]["minimumBackoff"]) == (33, "1s")


def test_the_path_says_which_resource_is_meant(rest: Rest) -> None:
    assert rest("PUT", "topics/mine", {"name": "projects/other/topics/theirs"}).json["name"].endswith("/topics/mine")


def test_names_in_paths_are_percent_decoded(rest: Rest) -> None:
    made = rest("PUT", "topics/a%2Bb~c%25d", {}).json["name"]
    assert made.endswith("/topics/a+b~c%d")
    assert rest.broker.publisher.get_topic(topic=made)


def test_pages_are_asked_for_by_query(rest: Rest) -> None:
    for id_ in ("one", "two", "three"):
        rest("PUT", f"topics/{id_}", {})
    first = rest("GET", "topics?pageSize=2").json
    second = rest("GET", f"topics?page_token={first['nextPageToken']}").json
    assert [one["name"].rsplit("/", 1)[1] for one in first["topics"] + second["topics"]] == ["one", "three", "two"]
    assert "nextPageToken" not in second


def test_what_every_google_api_takes_is_ignored(rest: Rest) -> None:
    parameters = "alt=json&$alt=json&key=k&prettyPrint=false&fields=*&quotaUser=u&access_token=t&$.xgafv=2&uploadType=x"
    assert rest("GET", f"topics?{parameters}").json == {}


def test_enum_values_are_numbers_if_asked_for(rest: Rest) -> None:
    assert rest("PUT", "topics/state?$alt=json%3Benum-encoding%3Dint", {}).json["state"] == 1
    assert rest("GET", "topics/state").json["state"] == "ACTIVE"


def test_responses_are_for_people_unless_they_are_not(rest: Rest) -> None:
    rest("PUT", "topics/lines", {})
    assert rest("GET", "topics/lines").content.count(b"\n") > 2
    assert b"\n" not in rest("GET", "topics/lines?prettyPrint=false").content


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"{", "The body is no JSON"),
        (b"\xff", "The body is no JSON"),
        (b"[" * 100_000, "The body is no JSON"),
        ([1], "The body must be a JSON object"),
        ({"nope": 1}, 'Unknown name "nope": Cannot find field.'),
        ({"messages": [{}, {"data": "", "Data": ""}]}, "Unknown name \"Data\" at 'messages[1]': Cannot find field."),
        ({"messages": {"data": ""}}, "Invalid value at 'messages': it must be a list, not an object"),
        ({"messages": ["x"]}, "Invalid value at 'messages[0]': it must be an object, not \"x\""),
        ({"messages": [{"data": "hello world!"}]}, "Invalid value at 'messages[0].data': it must be base64, not"),
        ({"messages": [{"data": "aaaaa"}]}, "Invalid value at 'messages[0].data': it must be base64, not"),
        ({"messages": [{"data": 5}]}, "Invalid value at 'messages[0].data': it must be a string in base64, not 5"),
        ({"messages": [{"attributes": {"a": 1}}]}, "Invalid value at 'messages[0].attributes[a]': it must be a string"),
        ({"messages": [{"publishTime": 7}]}, "publishTime"),
        ({"messages": [{"publishTime": "yesterday"}]}, "publishTime"),
        ({"messages": [None]}, "Invalid value at 'messages[0]': it must be an object, not null"),
    ],
)
def test_a_malformed_body_is_refused_with_its_mistake(rest: Rest, body: Any, problem: str) -> None:
    status, code, text = rest("POST", "topics/any:publish", body).error
    assert (status, code) == (400, INVALID)
    assert problem in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("pageSize=many", "pageSize"),
        ("nope=1", 'Unknown name "nope"'),
        ("pageSize.x=1", 'Unknown name "pageSize.x"'),
    ],
)
def test_a_malformed_query_is_refused_with_its_mistake(rest: Rest, query: str, problem: str) -> None:
    status, code, text = rest("GET", f"topics?{query}").error
    assert (status, code) == (400, INVALID)
    assert problem in text


def test_base64_may_be_url_safe_and_without_padding(rest: Rest) -> None:
    id_ = rest.subscription()
    topic = rest("GET", id_).json["topic"]
    assert rest("POST", f"/v1/{topic}:publish", {"messages": [{"data": "-_8"}]}).status == 200
    [received] = rest("POST", f"{id_}:pull", {"maxMessages": 1}).json["receivedMessages"]
    assert decoded(received["message"]["data"]) == b"\xfb\xff"


class Reasoned(Faults):
    """Refuses with a reason that programs can read."""

    async def before_rpc(self, method: str) -> None:
        raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, "no", reason="BECAUSE", metadata={"a": "b"})


def test_a_reason_goes_with_an_error(tmp_path: Any) -> None:
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "BECAUSE",
        "domain": "pubsub.googleapis.com",
        "metadata": {"a": "b"},
    }
    with EmbeddedBroker(tmp_path, faults=Reasoned()) as broker:
        answer = ask(broker.address, "GET", "/v1/projects/p/topics")
        client = Broker("embedded", broker.address)
        with pytest.raises(exceptions.FailedPrecondition) as caught:
            client.publisher.get_topic(topic="x")
        client.close()
    assert answer.error == (400, "FAILED_PRECONDITION", "no")
    assert answer.json["error"]["details"] == [info]
    assert (caught.value.reason, caught.value.domain, caught.value.metadata) == (
        "BECAUSE",
        "pubsub.googleapis.com",
        {"a": "b"},
    )


def test_what_nobody_answers_is_unimplemented() -> None:
    service = Empty.DESCRIPTOR.file.pool.FindServiceByName("google.iam.v1.IAMPolicy")
    rpcs = {method.name: Rpc(method, None, Faults()) for method in service.methods}
    api = Api(rpcs, {}, host="127.0.0.1")
    answer = asyncio.run(api.answer(Request("GET", "/v1/projects/p/topics/topic:getIamPolicy", {})))
    assert answer.status == 501
    assert b"google.iam.v1.IAMPolicy/GetIamPolicy is not implemented" in answer.body


def test_a_mistake_of_the_emulators_is_answered_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_body: Any) -> None:
        raise ZeroDivisionError

    api = Api({}, {("GET", "/broken"): broken}, host="127.0.0.1")
    assert asyncio.run(api.answer(Request("GET", "/broken", {}))).status == 500
    assert "ZeroDivisionError" in caplog.text


# Pulling


def test_a_pull_waits_for_a_message(rest: Rest) -> None:
    id_ = rest.subscription()
    topic = rest("GET", id_).json["topic"]
    publishing = threading.Timer(0.3, rest.broker.publish, (topic, b"late"))
    publishing.start()
    [received] = rest("POST", f"{id_}:pull", {"maxMessages": 5}).json["receivedMessages"]
    publishing.join()
    assert decoded(received["message"]["data"]) == b"late"


def test_a_pull_is_answered_before_the_client_gives_up(rest: Rest) -> None:
    answer = rest("POST", f"{rest.subscription()}:pull", {"maxMessages": 5}, X_Server_Timeout="0.5")
    assert (answer.status, answer.json) == (200, {})


def test_a_pull_of_a_client_that_has_gone_takes_no_message(rest: Rest) -> None:
    id_ = rest.subscription()
    topic = rest("GET", id_).json["topic"]
    body = b'{"maxMessages": 5}'
    for _ in range(3):
        with dial(rest.address) as gone:
            head = f"POST {rest.target(id_)}:pull HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            gone.sendall(head.encode() + body)
            gone.settimeout(0.2)
            with pytest.raises(TimeoutError):
                gone.recv(1)
    # The next request is answered after what the others closed was noticed.
    rest("GET", id_)
    rest.broker.publish(topic, b"for the living")
    subscription = f"projects/{rest.broker.project}/{id_}"
    assert data_of(rest.broker.pull(subscription, 1)) == [b"for the living"]


# The emulator's own requests


def test_a_reset_leaves_nothing(tmp_path: Any) -> None:
    with EmbeddedBroker(tmp_path) as emulator:
        broker = Broker("embedded", emulator.address)
        topic, subscription = broker.pair()
        broker.publish(topic, b"1")
        broker.subscriber.create_snapshot(name=broker.name("snapshots"), subscription=subscription)
        schema = {"type": "AVRO", "definition": '{"type": "record", "name": "R", "fields": []}'}
        made = ask(emulator.address, "POST", f"/v1/projects/{broker.project}/schemas?schemaId=schema", schema)
        assert made.json["name"] == f"projects/{broker.project}/schemas/schema"
        assert ask(emulator.address, "POST", "/reset").json == {}
        project = f"projects/{broker.project}"
        for collection in ("topics", "subscriptions", "snapshots", "schemas"):
            assert ask(emulator.address, "GET", f"/v1/{project}/{collection}").json == {}
        broker.close()


def test_an_emulator_that_is_part_of_a_program_is_not_shut_down_by_others(rest: Rest) -> None:
    status, code, _ = rest("POST", "/shutdown").error
    assert (status, code) == (501, "UNIMPLEMENTED")
    eventually(lambda: rest("GET", "/").status == 200, "an answer")


def test_a_body_of_too_many_values_is_refused_before_it_is_read(embedded: Broker) -> None:
    content = b'{"messages":[' + b"{}," * 300_000 + b"{}]}"
    answer = ask(embedded.address, "POST", f"/v1/{embedded.topic()}:publish", content)
    assert answer.error[:2] == (400, INVALID)
    assert "250000 values" in answer.error[2]


def test_a_long_label_is_refused_in_a_text_that_arrives(embedded: Broker) -> None:
    with pytest.raises(exceptions.InvalidArgument, match="labels: k=xxx"):
        embedded.topic(labels={"k": "x" * 20_000})


def test_a_reset_goes_through_whatever_faults_are_made(tmp_path: Path) -> None:
    faults = Chaos()
    with EmbeddedBroker(tmp_path, faults=faults) as embedded:
        broker = Broker("embedded", embedded.address)
        for _ in range(5):
            broker.pair()
        faults.follow(Plan.parse("unavailable=0.5,seed=1"))
        assert ask(broker.address, "POST", "/reset").status == 200
        faults.follow(Plan())
        assert list(broker.publisher.list_topics(project=f"projects/{broker.project}")) == []
        broker.close()
