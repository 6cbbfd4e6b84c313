"""The flags of ``subscriptions create``, ``update`` and ``modify-push-config``."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pubsubctl.broker.naming import Kind
from pubsubctl.cli.flags import LABEL_CHANGES, LABELS, Flag, Flags, clearing, switch
from pubsubctl.cli.readers import duration, whole_seconds


def _attempts(text: str) -> int:
    if not text.isdecimal() or not 5 <= int(text) <= 100:  # noqa: PLR2004 - the bounds of Pub/Sub itself
        raise ValueError("must be a whole number from 5 to 100")
    return int(text)


def _expiration(text: str) -> str | None:
    if text == "never":
        return None
    try:
        return duration("1d")(text)
    except ValueError as error:
        raise ValueError(f"{error}, or never") from error


def _wrapper(raw: bool) -> Mapping[str, Any] | None:
    return {} if raw else None


_SETTINGS: Flags = {
    "ack_deadline": Flag(
        "ack_deadline_seconds", "Time to acknowledge a delivery, 10 to 600.", "SECONDS", read=whole_seconds(10, 600)
    ),
    "message_retention_duration": Flag(
        "message_retention_duration",
        "How long a message waits that nobody acknowledges; 10m to 31d.",
        "DURATION",
        read=duration("10m", "31d"),
    ),
    "retain_acked_messages": switch("retain_acked_messages", "Keep acknowledged messages as long, for seeking."),
    "expiration_period": Flag(
        "expiration_policy.ttl",
        "Delete the subscription after this long without use, 1d or more; or never.",
        "DURATION|never",
        read=_expiration,
        anew=True,
    ),
    "enable_exactly_once_delivery": switch("enable_exactly_once_delivery", "Exactly-once delivery."),
    "dead_letter_topic": Flag(
        "dead_letter_policy.dead_letter_topic",
        "Topic for messages that are delivered too often.",
        "TOPIC",
        refers_to=Kind.TOPIC,
    ),
    "max_delivery_attempts": Flag(
        "dead_letter_policy.max_delivery_attempts", "How often that is, 5 to 100.", "N", read=_attempts
    ),
    "min_retry_delay": Flag(
        "retry_policy.minimum_backoff",
        "Least wait before a message that was not acknowledged comes again; 0s to 600s.",
        "DURATION",
        read=duration("0s", "600s"),
    ),
    "max_retry_delay": Flag(
        "retry_policy.maximum_backoff", "Longest such wait; 0s to 600s.", "DURATION", read=duration("0s", "600s")
    ),
}

_PUSH: Flags = {
    "push_endpoint": Flag(
        "push_config.push_endpoint", "Push messages to this URL; '' makes it a pull subscription.", "URL", anew=True
    ),
    "push_auth_service_account": Flag(
        "push_config.oidc_token.service_account_email", "Service account that pushes are signed for.", "EMAIL"
    ),
    "push_auth_token_audience": Flag(
        "push_config.oidc_token.audience", "Audience of the token; the endpoint unless given.", "AUDIENCE"
    ),
    "push_no_wrapper": Flag("push_config.no_wrapper", "Push the bare data as the body.", kind=bool, read=_wrapper),
    "push_no_wrapper_write_metadata": switch(
        "push_config.no_wrapper.write_metadata", "Then send message id, publish time and attributes as headers."
    ),
}


def _needing(flags: Flags, needs: Mapping[str, str]) -> Flags:
    return {name: replace(flag, needs=needs.get(name, "")) for name, flag in flags.items()}


_PUSH_WHOLE = _needing(
    _PUSH,
    {
        "push_auth_service_account": "push_endpoint",
        "push_auth_token_audience": "push_auth_service_account",
        "push_no_wrapper": "push_endpoint",
        "push_no_wrapper_write_metadata": "push_no_wrapper",
    },
)

CREATE: Flags = {
    "topic": Flag("topic", "Topic to subscribe to.", "TOPIC", refers_to=Kind.TOPIC, required=True),
    "labels": LABELS,
    **_needing(_SETTINGS, {"max_delivery_attempts": "dead_letter_topic"}),
    "enable_message_ordering": switch("enable_message_ordering", "Keep the order of ordering keys."),
    "message_filter": Flag("filter", "Deliver only messages that match, for ever.", "FILTER"),
    **_PUSH_WHOLE,
}

UPDATE: Flags = {
    **LABEL_CHANGES,
    **_SETTINGS,
    "clear_dead_letter_policy": clearing(
        "dead_letter_policy",
        "Deliver messages as often as it takes.",
        "dead_letter_topic",
        "max_delivery_attempts",
    ),
    "clear_retry_policy": clearing("retry_policy", "Deliver again at once.", "min_retry_delay", "max_retry_delay"),
    **_PUSH,
    "clear_push_no_wrapper_config": clearing(
        "push_config.no_wrapper",
        "Push messages as JSON again.",
        "push_no_wrapper",
        "push_no_wrapper_write_metadata",
    ),
}

MODIFY_PUSH_CONFIG: Flags = {**_PUSH_WHOLE, "push_endpoint": replace(_PUSH["push_endpoint"], required=True)}
