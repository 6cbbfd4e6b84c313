"""The service's limits on messages and settings, and what is said when one is passed.

From cloud.google.com/pubsub/quotas and the API reference of google.pubsub.v1.
"""

from typing import Any

from pubsubctl.emulator.embedded.status import failed_precondition, invalid, out_of_range

PUBLISH_MESSAGES = 1_000
PUBLISH_SIZE = 10_000_000
ATTRIBUTES = 100
ATTRIBUTE_KEY_SIZE = 256
ATTRIBUTE_VALUE_SIZE = 1_024
ORDERING_KEY_SIZE = 1_024
LABELS = 64
LABEL_SIZE = 63
ACK_DEADLINE_S = (10, 600)
RETENTION_S = (600, 2_678_400)
BACKOFF_S = 600
DELIVERY_ATTEMPTS = (5, 100)
EXPIRATION_S = 86_400
SNAPSHOT_S = 604_800
SNAPSHOT_LEAST_S = 3_600


def check_message(message: Any) -> None:
    """Refuse a message that the service would not take.

    Raises:
        Refusal: INVALID_ARGUMENT, with the limit.
    """
    if message.attributes:
        _check_attributes(message.attributes)
    elif not message.data:
        raise invalid("Some messages are empty")
    if len(message.ordering_key) * 4 > ORDERING_KEY_SIZE and len(message.ordering_key.encode()) > ORDERING_KEY_SIZE:
        raise invalid(f"The ordering key is longer than {ORDERING_KEY_SIZE} bytes (ordering_key)")


def _check_attributes(attributes: Any) -> None:
    if len(attributes) > ATTRIBUTES:
        raise invalid(f"A message has {len(attributes)} attributes; at most {ATTRIBUTES} are allowed (attributes)")
    for key, value in attributes.items():
        if len(key) * 4 > ATTRIBUTE_KEY_SIZE and len(key.encode()) > ATTRIBUTE_KEY_SIZE:
            raise invalid(f"An attribute key is longer than {ATTRIBUTE_KEY_SIZE} bytes (attributes: {key})")
        if len(value) * 4 > ATTRIBUTE_VALUE_SIZE and len(value.encode()) > ATTRIBUTE_VALUE_SIZE:
            raise invalid(f"An attribute value is longer than {ATTRIBUTE_VALUE_SIZE} bytes (attributes: {key})")


def check_publish(count: int, size: int) -> None:
    """Refuse a publish with too many or too few messages or bytes.

    Raises:
        Refusal: INVALID_ARGUMENT, with the limit.
    """
    if not count:
        raise invalid("No messages to publish")
    if count > PUBLISH_MESSAGES:
        raise invalid("Too many messages to publish")
    if size > PUBLISH_SIZE:
        raise invalid(f"The publish has {size} bytes of messages; at most {PUBLISH_SIZE} are allowed (messages)")


def check_one_key(messages: Any) -> None:
    """Refuse a publish whose messages have not all the same ordering key, or none.

    Raises:
        Refusal: FAILED_PRECONDITION, as the service says it.
    """
    key = messages[0].ordering_key
    if any(message.ordering_key != key for message in messages):
        raise failed_precondition(
            "In a single publish request, all messages must have no ordering key or they must all have the same "
            "ordering key (messages.ordering_key)"
        )


def check_labels(labels: Any) -> None:
    """Refuse labels that a resource cannot have (cloud.google.com/pubsub/docs/labels).

    Raises:
        Refusal: INVALID_ARGUMENT, with the limit.
    """
    if len(labels) > LABELS:
        raise invalid(f"There are {len(labels)} labels; a resource has at most {LABELS} (labels)")
    for key, value in labels.items():
        if not (key[:1].isalpha() and _is_label(key) and _is_label(value)):
            raise invalid(
                f"A label is at most {LABEL_SIZE} lower-case letters, digits, dashes and underscores, its key with a "
                f"letter first (labels: {key}={value})"
            )


def _is_label(text: str) -> bool:
    allowed = all(letter.isalnum() or letter in "-_" for letter in text)
    return len(text) <= LABEL_SIZE and allowed and text == text.lower()


def ack_deadline(seconds: int) -> int:
    """A subscription's ack deadline; zero asks for the default.

    Raises:
        Refusal: INVALID_ARGUMENT: out of bounds.
    """
    if seconds and not ACK_DEADLINE_S[0] <= seconds <= ACK_DEADLINE_S[1]:
        raise invalid("ack_deadline_secs out of bounds")
    return seconds or ACK_DEADLINE_S[0]


def check_retention(duration: Any) -> None:
    """Refuse a message retention out of bounds.

    Raises:
        Refusal: INVALID_ARGUMENT.
    """
    if not RETENTION_S[0] <= seconds(duration) <= RETENTION_S[1]:
        raise invalid("message_retention_duration out of bounds")


def check_expiration(policy: Any) -> None:
    """Refuse a time to live of less than a day; none at all is for ever.

    Raises:
        Refusal: INVALID_ARGUMENT.
    """
    if policy.HasField("ttl") and seconds(policy.ttl) < EXPIRATION_S:
        raise invalid("expiration_policy.ttl out of bounds: it must be at least 1 day (86400s)")


def check_retry(policy: Any) -> None:
    """Refuse back-offs out of bounds.

    Raises:
        Refusal: INVALID_ARGUMENT.
    """
    for name in ("minimum_backoff", "maximum_backoff"):
        value = seconds(getattr(policy, name))
        if not 0 <= value <= BACKOFF_S:
            raise invalid(
                f"The value for {name} is out of bounds. You passed {value:g}s in the request, "
                f"but the value must be between 0s and {BACKOFF_S}s."
            )
    least, most = seconds(policy.minimum_backoff), seconds(policy.maximum_backoff)
    if least > most:
        raise invalid(
            f"The value for maximum_backoff is too small. You passed {most:g}s in the request, "
            f"but the minimum value is {least:g}s."
        )


def check_delivery_attempts(attempts: int) -> None:
    """Refuse a number of deliveries before the dead letter that is out of bounds.

    Raises:
        Refusal: OUT_OF_RANGE.
    """
    least, most = DELIVERY_ATTEMPTS
    problem = ("small", "minimum", least) if attempts < least else ("large", "maximum", most)
    if not least <= attempts <= most:
        raise out_of_range(
            f"The value for max_delivery_attempts is too {problem[0]}. You passed {attempts} in the request, "
            f"but the {problem[1]} value is {problem[2]}."
        )


def seconds(duration: Any) -> float:
    """A protobuf Duration in seconds."""
    value: float = duration.seconds + duration.nanos / 1e9
    return value


def snapshot_expiry(oldest_s: int, now_s: int) -> int:
    """When a snapshot ends whose oldest message was published at ``oldest_s``, in seconds since 1970.

    Raises:
        Refusal: FAILED_PRECONDITION: that is too soon for it to be of use.
    """
    expiry_s = oldest_s + SNAPSHOT_S
    if expiry_s - now_s < SNAPSHOT_LEAST_S:
        raise failed_precondition(
            "The snapshot would expire in less than 1 hour: its oldest unacknowledged message is almost 7 days old"
        )
    return expiry_s


def check_expire_time(expire_s: int, now_s: int) -> None:
    """Refuse an end of a snapshot's life that is over, or more than a week away.

    Raises:
        Refusal: INVALID_ARGUMENT.
    """
    if not now_s < expire_s <= now_s + SNAPSHOT_S:
        raise invalid("expire_time out of bounds: it must be in the future, by at most 7 days (snapshot.expire_time)")


def lease(seconds: int) -> int:
    """How long a lease may be made to last from now; zero refuses the message.

    Raises:
        Refusal: INVALID_ARGUMENT: out of bounds.
    """
    if seconds < 0:
        raise invalid("Ack deadline cannot be negative")
    if seconds > ACK_DEADLINE_S[1]:
        raise invalid(f"Ack deadline cannot be more than {ACK_DEADLINE_S[1]} seconds (ack_deadline_seconds={seconds})")
    return seconds


def stream_ack_deadline(seconds: int) -> int:
    """The ack deadline of a stream's messages.

    Raises:
        Refusal: INVALID_ARGUMENT: out of bounds.
    """
    if not ACK_DEADLINE_S[0] <= seconds <= ACK_DEADLINE_S[1]:
        raise invalid("stream_ack_deadline_seconds must be between 10 and 600 seconds")
    return seconds
