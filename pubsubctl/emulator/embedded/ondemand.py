"""Services that most never ask for, and that are imported when somebody does."""

from collections.abc import Callable, Mapping
from typing import Any

import grpc


class OnDemand(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    """The handlers of what begins with a prefix, loaded at the first call of one."""

    def __init__(self, prefix: str, load: Callable[[], Mapping[str, Any]]) -> None:
        """Serve what ``load`` returns: handlers by full method name, such as ``grpc.health.v1.Health/Check``."""
        self._prefix = f"/{prefix}"
        self._load = load
        self._handlers: Mapping[str, Any] | None = None

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """The handler for a call; None if it is for somebody else, or nobody."""
        method = handler_call_details.method
        if not method.startswith(self._prefix):
            return None
        if self._handlers is None:
            self._handlers = self._load()
        return self._handlers.get(method.removeprefix("/"))
