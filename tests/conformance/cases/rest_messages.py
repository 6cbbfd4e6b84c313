"""The REST API: messages over plain HTTP."""

import base64
from typing import Any

from harness.case import Case
from harness.kit import Kit

from cases.rest import ERRORS, INVALID, JSON, METHODS, subscription, topic


def published(kit: Kit, data: bytes = b"hello", **fields: Any) -> str:
    """The path of a subscription with a message."""
    made, path = subscription(kit)
    message = {"data": base64.b64encode(data).decode(), **fields}
    kit.web.request("POST", f"{made}:publish", {"messages": [message]})
    return path


def pulled(kit: Kit, path: str) -> list[Any]:
    """The messages of one pull."""
    body = {"maxMessages": 10, "returnImmediately": True}
    return kit.web.request("POST", f"{path}:pull", body).json.get("receivedMessages", [])


def _round_trip(kit: Kit) -> Any:
    [received] = pulled(kit, published(kit, attributes={"a": "b"}, orderingKey="k"))
    message = received["message"]
    return base64.b64decode(message["data"]), message["attributes"], message["orderingKey"], message["publishTime"][-1]


def _message_ids(kit: Kit) -> int:
    body = {"messages": [{"data": "eA=="}, {"attributes": {"a": "b"}}]}
    return len(kit.web.request("POST", f"{topic(kit)}:publish", body).json["messageIds"])


def _publish(id_: str, what: str, body: Any, documented: object, source: str) -> Case:
    def run(kit: Kit) -> Any:
        return kit.web.request("POST", f"{topic(kit)}:publish", body).outcome

    return Case(f"publish-{id_}", f"POST :publish {what}", run, documented, source)


def _url_safe(kit: Kit) -> bytes:
    """Base64 with the URL-safe alphabet and without padding, which protobuf's JSON takes as well."""
    made, path = subscription(kit)
    kit.web.request("POST", f"{made}:publish", {"messages": [{"data": "-_8"}]})
    return base64.b64decode(pulled(kit, path)[0]["message"]["data"])


def _nothing(kit: Kit) -> Any:
    body = {"maxMessages": 1, "returnImmediately": True}
    return kit.web.request("POST", f"{subscription(kit)[1]}:pull", body).json


def _on(path_suffix: str, body: Any, documented: object, source: str = METHODS) -> Case:
    """A POST on a subscription with nothing in it."""

    def run(kit: Kit) -> Any:
        return kit.web.request("POST", f"{subscription(kit)[1]}{path_suffix}", body).outcome

    return Case(f"subscription{path_suffix.replace(':', '-')}", f"POST {path_suffix} {body!r}", run, documented, source)


def _acked(kit: Kit) -> Any:
    path = published(kit)
    ids = [one["ackId"] for one in pulled(kit, path)]
    response = kit.web.request("POST", f"{path}:acknowledge", {"ackIds": ids})
    kit.web.request("POST", f"{path}:modifyAckDeadline", {"ackIds": ids, "ackDeadlineSeconds": 0})
    return response.status, response.json, pulled(kit, path)


def _nacked(kit: Kit) -> Any:
    path = published(kit)
    ids = [one["ackId"] for one in pulled(kit, path)]
    kit.web.request("POST", f"{path}:modifyAckDeadline", {"ackIds": ids, "ackDeadlineSeconds": 0})
    return len(pulled(kit, path))


CASES = [
    Case("message-ids", "POST :publish of two messages: ids", _message_ids, 2, METHODS),
    _publish("none", "without messages", {}, INVALID, ERRORS),
    _publish("empty", "of an empty message", {"messages": [{}]}, INVALID, ERRORS),
    _publish("bad-base64", "of data that is no base64", {"messages": [{"data": "***"}]}, INVALID, JSON),
    Case("url-safe", "POST :publish of data in URL-safe base64", _url_safe, b"\xfb\xff", JSON),
    Case(
        "round-trip",
        "POST :pull: data, attributes, ordering key, zone of the publish time",
        _round_trip,
        (b"hello", {"a": "b"}, "k", "Z"),
        METHODS,
    ),
    Case("nothing", "POST :pull of nothing", _nothing, {}, JSON),
    _on(":pull", {}, INVALID, ERRORS),
    _on(":acknowledge", {"ackIds": ["garbage"]}, INVALID, ERRORS),
    _on(":modifyAckDeadline", {"ackIds": ["garbage"], "ackDeadlineSeconds": 10}, INVALID, ERRORS),
    _on(":modifyPushConfig", {"pushConfig": {}}, "200"),
    Case("acked", "POST :acknowledge, then a nack: status, body, and what comes again", _acked, (200, {}, []), METHODS),
    Case("nacked", "POST :modifyAckDeadline of 0: messages that come again", _nacked, 1, METHODS),
]
