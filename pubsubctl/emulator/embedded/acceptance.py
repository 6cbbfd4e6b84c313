"""Which messages a subscription takes, by the filter of its settings."""

from __future__ import annotations

from collections.abc import Callable

from pubsubctl.emulator.embedded.filters import compile_filter
from pubsubctl.emulator.embedded.protocol import PubsubMessage


def acceptance(filter_text: str) -> Callable[[bytes], bool] | None:
    """What tells of a serialized message whether the filter lets it pass; None where every message does.

    Raises:
        Refusal: INVALID_ARGUMENT: this is no filter.
    """
    if not filter_text:
        return None
    matches = compile_filter(filter_text)
    return lambda body: matches(PubsubMessage.FromString(body).attributes)
