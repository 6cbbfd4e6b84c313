"""Push: what is sent to an endpoint, which answers acknowledge it, and what follows other answers."""

import base64
from typing import Any

from harness.case import Case
from harness.endpoint import Endpoint
from harness.kit import Kit, texts
from harness.sources import PAYLOAD_UNWRAPPING, PUSH, reference

from cases.dead_letters import dead_letter_pair


def pushed(kit: Kit, endpoint: Endpoint, *, config: dict[str, Any] | None = None, **settings: Any) -> tuple[str, str]:
    """A topic and a subscription that pushes to the endpoint."""
    topic = kit.topic()
    wanted = {"push_endpoint": endpoint.url, **(config or {})}
    return topic, kit.subscription(topic, push_config=wanted, **settings)


def _body(kit: Kit, *, config: dict[str, Any] | None = None, **message: Any) -> tuple[Any, str, str]:
    """The first request, the message's id, and the subscription."""
    endpoint = kit.endpoint()
    topic, subscription = pushed(kit, endpoint, config=config)
    [id_] = kit.call("Publish", topic=topic, messages=[{"data": b"hello", **message}]).message_ids
    return endpoint.wait_for(1)[0], id_, subscription


def _message(kit: Kit) -> Any:
    request, id_, subscription = _body(kit, attributes={"a": "b"})
    body = request.json
    message = body["message"]
    return (
        body["subscription"] == subscription,
        base64.b64decode(message["data"]).decode(),
        message["attributes"],
        message["messageId"] == id_ == message["message_id"],
        message["publishTime"] == message["publish_time"],
    )


def _ordering_key(kit: Kit) -> Any:
    request, _, _ = _body(kit, ordering_key="key")
    return request.json["message"].get("orderingKey")


def _request(kit: Kit) -> Any:
    request, _, _ = _body(kit)
    return request.path, request.headers["content-type"]


def _delivery_attempts(kit: Kit) -> list[Any]:
    """Of three requests, the first two refused."""
    endpoint = kit.endpoint(lambda count: 200 if count == 2 else 500)
    topic, _, _ = dead_letter_pair(kit, push_config={"push_endpoint": endpoint.url})
    kit.publish(topic, "x")
    return [request.json.get("deliveryAttempt") for request in endpoint.wait_for(3)]


def _requests_by_status(*statuses: int) -> Any:
    """How many requests follow each status: ``1``, or ``more``."""

    def run(kit: Kit) -> dict[int, str]:
        endpoints = {status: kit.endpoint(status) for status in statuses}
        for endpoint in endpoints.values():
            topic, _ = pushed(kit, endpoint)
            kit.publish(topic, "x")
        for endpoint in endpoints.values():
            endpoint.wait_for(1)
        slowest = kit.endpoint(500)
        topic, _ = pushed(kit, slowest)
        kit.publish(topic, "x")
        slowest.wait_for(3, within_s=6)
        return {status: "1" if len(endpoint.requests) == 1 else "more" for status, endpoint in endpoints.items()}

    return run


def _again(kit: Kit) -> bool:
    endpoint = kit.endpoint(lambda count: 200 if count else 503)
    topic, _ = pushed(kit, endpoint)
    kit.publish(topic, "x")
    first, second = endpoint.wait_for(2)[:2]
    return first.json["message"]["messageId"] == second.json["message"]["messageId"]


def _unwrapped(kit: Kit) -> Any:
    request, _, _ = _body(kit, config={"no_wrapper": {"write_metadata": False}}, attributes={"a": "b"})
    return request.body, "a" in request.headers


def _unwrapped_metadata(kit: Kit) -> Any:
    request, id_, subscription = _body(kit, config={"no_wrapper": {"write_metadata": True}}, attributes={"a": "b"})
    headers = request.headers
    return (
        request.body,
        headers.get("a"),
        headers.get("x-goog-pubsub-message-id") == id_,
        headers.get("x-goog-pubsub-subscription-name") == subscription,
        "x-goog-pubsub-publish-time" in headers,
    )


def _oidc(kit: Kit) -> str:
    """The scheme of the Authorization header, and how many parts its token has."""
    config = {"oidc_token": {"service_account_email": "a@example.com", "audience": "me"}}
    request, _, _ = _body(kit, config=config)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return f"{scheme} token of {len(token.split('.'))} parts" if token else "none"


def _dead_letter(kit: Kit) -> Any:
    endpoint = kit.endpoint(500)
    topic, _, letters = dead_letter_pair(kit, push_config={"push_endpoint": endpoint.url})
    kit.publish(topic, "x")
    return texts(kit.pull(letters, timeout_s=9)), len(endpoint.requests)


def _ordered(kit: Kit) -> list[str]:
    endpoint = kit.endpoint(lambda count: 200 if count else 500)
    topic, _ = pushed(kit, endpoint, enable_message_ordering=True)
    for name in "abc":
        kit.publish(topic, name, ordering_key="k")
    return [base64.b64decode(one.json["message"]["data"]).decode() for one in endpoint.wait_for(4)]


def _many(kit: Kit) -> int:
    endpoint = kit.endpoint()
    topic, _ = pushed(kit, endpoint)
    kit.publish(topic, *map(str, range(30)))
    endpoint.wait_for(30)
    return len({request.json["message"]["messageId"] for request in endpoint.requests})


def _filtered(kit: Kit) -> list[str]:
    endpoint = kit.endpoint()
    topic, _ = pushed(kit, endpoint, filter="attributes:a")
    kit.publish(topic, "no")
    kit.publish(topic, "yes", attributes={"a": ""})
    kit.publish(topic, "last", attributes={"a": ""})
    endpoint.wait_for(3, within_s=1.5)
    return sorted({base64.b64decode(one.json["message"]["data"]).decode() for one in endpoint.requests})


CASES = [
    Case(
        "message",
        "The pushed JSON: subscription as it should be? data, attributes; id and time in both spellings?",
        _message,
        (True, "hello", {"a": "b"}, True, True),
        PUSH,
    ),
    Case("request", "Path and content type of the request", _request, ("/push", "application/json"), PUSH),
    Case("ordering-key", "The orderingKey of the pushed JSON", _ordering_key, "key", PUSH, google=None),
    Case(
        "delivery-attempts",
        "deliveryAttempt in three requests, with a dead-letter policy",
        _delivery_attempts,
        [1, 2, 3],
        PUSH,
        google=[None, None, None],
    ),
    Case(
        "acknowledging",
        "Requests of a message by the status they are answered with: those that acknowledge",
        _requests_by_status(102, 200, 201, 202, 204),
        dict.fromkeys((102, 200, 201, 202, 204), "1"),
        PUSH,
        google={102: "1", 200: "1", 201: "1", 202: "more", 204: "1"},
    ),
    Case(
        "refusing",
        "Requests of a message by the status they are answered with: those that do not",
        _requests_by_status(203, 302, 400, 404, 429, 500, 503),
        dict.fromkeys((203, 302, 400, 404, 429, 500, 503), "more"),
        PUSH,
        google={**dict.fromkeys((203, 302, 400, 404, 429, 500, 503), "more"), 203: "1"},
    ),
    Case("again", "Is it the same message that is sent again?", _again, documented=True, source=PUSH),
    Case(
        "unwrapped",
        "no_wrapper: the body; are attributes in headers?",
        _unwrapped,
        (b"hello", False),
        PAYLOAD_UNWRAPPING,
    ),
    Case(
        "unwrapped-metadata",
        "no_wrapper with write_metadata: body, attribute; are message id, subscription and publish time in headers?",
        _unwrapped_metadata,
        (b"hello", "b", True, True, True),
        PAYLOAD_UNWRAPPING,
    ),
    Case(
        "oidc",
        "The Authorization header with an OIDC token",
        _oidc,
        "Bearer token of 3 parts",
        reference("PushConfig.oidc_token"),
        google="none",
        embedded="none",  # only Google can sign one
    ),
    Case("dead-letter", "Refused five times: the dead letter, and requests", _dead_letter, (["x"], 5), PUSH),
    Case(
        "ordered",
        "Three of a key, the first refused once: in which order they come",
        _ordered,
        ["a", "a", "b", "c"],
        PUSH,
    ),
    Case("many", "How many of 30 messages are pushed", _many, 30, PUSH),
    Case("filtered", "What is pushed with a filter", _filtered, ["last", "yes"], PUSH, google=["last", "no", "yes"]),
]
