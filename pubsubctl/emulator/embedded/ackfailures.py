"""How a caller is told which of its acks or modacks did nothing: each by its id, where delivery is exactly once.

All ids at once can be more than a client takes. One on gRPC's C core, as Google's for Python, ends a call with a status
of its own at 8 to 16 KiB of metadata, unless its channel was told otherwise, which it is not where it was made from
PUBSUB_EMULATOR_HOST. Google's client for Python then breaks off its stream without a word. So such a client is told of
as many as fit, by a status after which it asks for the others again. Clients that are none of these are told of all:
some take what is not named for done.
"""

import bisect
import itertools
from collections.abc import Iterable
from typing import Any

import grpc

from pubsubctl.emulator.embedded.status import Refusal

ROOM = 6_500
"""Bytes for the names: the status's own text is there twice beside them, and all may be 8 KiB."""
_ENTRY = 8
"""Bytes of an entry in google.rpc.ErrorInfo beside its name and its value."""
_REASON = "EXACTLY_ONCE_ACKID_FAILURE"


def refusal(failures: dict[str, str], context: Any) -> Refusal:
    """What to answer.

    Args:
        failures: what the service calls each failure, by ack id; at least one.
        context: tells ``invocation_metadata()``, which says what client asks.

    Returns:
        INVALID_ARGUMENT with all of them; or ABORTED with some, after which the others are to be sent again.
    """
    if _is_bounded(context.invocation_metadata() or ()):
        told = _fitting(failures)
        if len(told) < len(failures):
            return Refusal(
                grpc.StatusCode.ABORTED,
                "More acknowledgement ids in the request were invalid than can be named at once. Send those again "
                "that are not named.",
                reason=_REASON,
                metadata=told,
            )
    return Refusal(
        grpc.StatusCode.INVALID_ARGUMENT,
        "Some acknowledgement ids in the request were invalid. This could be because the acknowledgement ids have "
        "expired or the acknowledgement ids were malformed.",
        reason=_REASON,
        metadata=failures,
    )


def _is_bounded(metadata: Iterable[tuple[str, Any]]) -> bool:
    """Whether the client is one on gRPC's C core, by what it says of itself."""
    return any(name == "user-agent" and "grpc-c/" in str(value) for name, value in metadata)


def _fitting(failures: dict[str, str]) -> dict[str, str]:
    """The first of them, as many as there is room for."""
    sizes = itertools.accumulate(len(ack_id) + len(failure) + _ENTRY for ack_id, failure in failures.items())
    return dict(itertools.islice(failures.items(), bisect.bisect_right(list(sizes), ROOM)))
