"""The request that carries a message to its endpoint.

The wrapped form is that of cloud.google.com/pubsub/docs/push#receive_push, the unwrapped one that of
cloud.google.com/pubsub/docs/payload-unwrapping.
"""

import base64
import json
import re
from typing import Any, NamedTuple

from pubsubctl.emulator.embedded.message import publish_time
from pubsubctl.emulator.embedded.protocol import PubsubMessage

_JSON = [(b"content-type", b"application/json")]

# A field name, and what may be a value (RFC 9110 5.1 and 5.5).
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_NOT_IN_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

# What frames the request, or names its sender, is not for a message to say.
_RESERVED = {
    "accept",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
}
_METADATA_PREFIX = "x-goog-pubsub-"


class Request(NamedTuple):
    """Header fields, without those that every request has, and the body."""

    headers: list[tuple[bytes, bytes]]
    body: bytes


def request_for(body: bytes, config: Any, *, attempt: int = 0) -> Request:
    """The request that pushes a message.

    Args:
        body: the serialized PubsubMessage.
        config: the Subscription message.
        attempt: which delivery this is; zero does not tell.
    """
    message = PubsubMessage.FromString(body)
    if not config.push_config.HasField("no_wrapper"):
        return Request(_JSON, json.dumps(_wrapped(message, config.name, attempt)).encode())
    if not config.push_config.no_wrapper.write_metadata:
        return Request([], message.data)
    return Request(_metadata(message, config.name) + _attributes(message), message.data)


def _wrapped(message: Any, subscription: str, attempt: int) -> dict[str, Any]:
    """The documented JSON; as there, what is empty is left out."""
    time = publish_time(message)
    optional = {
        "attributes": dict(message.attributes),
        "data": base64.b64encode(message.data).decode(),
        "orderingKey": message.ordering_key,
    }
    content = {name: value for name, value in optional.items() if value}
    content |= {"messageId": message.message_id, "message_id": message.message_id}
    content |= {"publishTime": time, "publish_time": time}
    told = {"deliveryAttempt": attempt} if attempt else {}
    return told | {"message": content, "subscription": subscription}


def _metadata(message: Any, subscription: str) -> list[tuple[bytes, bytes]]:
    fields = {
        "subscription-name": subscription,
        "message-id": message.message_id,
        "publish-time": publish_time(message),
        "ordering-key": message.ordering_key,
    }
    return [_field(f"{_METADATA_PREFIX}{name}", value) for name, value in fields.items() if _is_value(value) and value]


def _attributes(message: Any) -> list[tuple[bytes, bytes]]:
    """The attributes as header fields, without those that can be none."""
    return [_field(name, value) for name, value in message.attributes.items() if _is_name(name) and _is_value(value)]


def _is_name(name: str) -> bool:
    lower = name.lower()
    return bool(_NAME.fullmatch(name)) and lower not in _RESERVED and not lower.startswith(_METADATA_PREFIX)


def _is_value(value: str) -> bool:
    return not _NOT_IN_VALUE.search(value)


def _field(name: str, value: str) -> tuple[bytes, bytes]:
    return name.encode(), value.strip(" \t").encode()
