"""Calls in bare protobuf, for what every worker and every submitter does.

A generated client costs them twice as much, and takes half a second to import.
"""

import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pubsubctl.broker.patience import PATIENCE_S
from pubsubctl.broker.routing import routed

if TYPE_CHECKING:
    import grpc

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 1.0
_TIMES = 2.0


class Unary:
    """One method of the service.

    Args:
        channel: to the broker.
        method: its full name, such as ``google.pubsub.v1.Publisher/Publish``.
        response: the type that it answers with, in bare protobuf.
        field: of the request, by which the service routes the call; such as ``topic``, or ``subscription.name``.
        name: the full name in that field.
    """

    def __init__(self, channel: "grpc.Channel", method: str, response: Any, *, field: str, name: str) -> None:
        self._channel, self._method, self._response = channel, f"/{method}", response
        self._metadata = routed(field, name)
        self._call: Any = None

    def __call__(
        self,
        request: Any,
        *,
        timeout_s: float = PATIENCE_S,
        patience_s: float = PATIENCE_S,
        on_unanswered: Callable[[Exception], None] = lambda _: None,
    ) -> Any:
        """Make it, and again where the broker is away or asks for that.

        Args:
            request: in bare protobuf.
            timeout_s: how long it may take, all tries together.
            patience_s: how long after the first try another may begin.
            on_unanswered: told of every try that is made again, or might have been.

        Raises:
            GoogleAPICallError: what the last try ended with.
        """
        from google.api_core import exceptions

        began, pause_s = time.monotonic(), _FIRST_PAUSE_S
        while True:
            try:
                return self._made(request, timeout_s - (time.monotonic() - began))
            except (exceptions.ServiceUnavailable, exceptions.Aborted) as error:
                on_unanswered(error)
                wait_s = random.uniform(0, pause_s * 2)  # noqa: S311 - so that many who wait do not come at once
                if time.monotonic() + wait_s > began + min(patience_s, timeout_s):
                    raise
            time.sleep(wait_s)
            pause_s = min(pause_s * _TIMES, _LONGEST_PAUSE_S)

    def _made(self, request: Any, timeout_s: float) -> Any:
        import grpc
        from google.api_core import exceptions

        if self._call is None:
            self._call = self._channel.unary_unary(
                self._method,
                request_serializer=type(request).SerializeToString,
                response_deserializer=self._response.FromString,
            )
        try:
            return self._call(request, timeout=max(timeout_s, 0.0), metadata=self._metadata)
        except grpc.RpcError as error:
            raise exceptions.from_grpc_error(error) from error
