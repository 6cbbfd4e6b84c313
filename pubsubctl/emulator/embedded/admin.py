"""The emulator's own requests, which no RPC is: over HTTP alone, as Google's emulator has them."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pubsubctl.emulator.embedded.broker import Broker
from pubsubctl.emulator.embedded.rpcs import Rpc
from pubsubctl.emulator.embedded.status import unimplemented

# Given the JSON of the body (None without one), returns what is answered as JSON, or raises Refusal.
Handler = Callable[[Any], Awaitable[Any]]
# By HTTP method and path.
Handlers = dict[tuple[str, str], Handler]


def make_handlers(broker: Broker, rpcs: Mapping[str, Rpc], on_shutdown: Callable[[], object] | None) -> Handlers:
    """``POST /reset`` deletes all there is, ``POST /shutdown`` calls ``on_shutdown``, which is to end the process."""

    async def delete(rpc: str, field: str, names: list[str]) -> None:
        for name in names:
            await rpcs[rpc].answer(rpcs[rpc].request(**{field: name}), None)

    async def reset(_body: Any) -> None:
        await delete("DeleteSubscription", "subscription", list(broker.catalogue.channels))
        await delete("DeleteSnapshot", "snapshot", list(broker.snapshots.by_name))
        await delete("DeleteTopic", "topic", list(broker.catalogue.topics))

    async def shutdown(_body: Any) -> None:
        if on_shutdown is None:
            raise unimplemented("This emulator is part of another program; that ends it.")
        on_shutdown()

    return {("POST", "/reset"): reset, ("POST", "/shutdown"): shutdown}
