"""The emulator's own requests, which no RPC is: over HTTP alone, as Google's emulator has them."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import grpc

from pubsubctl.emulator.embedded.broker import Broker
from pubsubctl.emulator.embedded.chaos import Chaos, Plan
from pubsubctl.emulator.embedded.faults import Faults
from pubsubctl.emulator.embedded.rpcs import Rpc
from pubsubctl.emulator.embedded.status import Refusal, invalid, unimplemented
from pubsubctl.errors import UsageError

CHAOS_PATH = "/_emulator/chaos"

# Given the JSON of the body (None without one), returns what is answered as JSON, or raises Refusal.
Handler = Callable[[Any], Awaitable[Any]]
# By HTTP method and path.
Handlers = dict[tuple[str, str], Handler]


def make_handlers(broker: Broker, rpcs: Mapping[str, Rpc], on_shutdown: Callable[[], object] | None) -> Handlers:
    """``POST /reset`` deletes all there is, ``POST /shutdown`` calls ``on_shutdown``, which is to end the process."""

    async def delete(rpc: str, field: str, names: list[str]) -> None:
        for name in names:
            try:
                await rpcs[rpc].carry_out(rpcs[rpc].request(**{field: name}), None)
            except Refusal as refusal:
                if refusal.code is not grpc.StatusCode.NOT_FOUND:  # somebody else deleted it meanwhile
                    raise

    async def reset(_body: Any) -> None:
        await delete("DeleteSubscription", "subscription", list(broker.catalogue.channels))
        await delete("DeleteSnapshot", "snapshot", list(broker.snapshots.by_name))
        await delete("DeleteTopic", "topic", list(broker.catalogue.topics))
        await delete("DeleteSchema", "name", list(broker.schemas.by_name))

    async def shutdown(_body: Any) -> None:
        if on_shutdown is None:
            raise unimplemented("This emulator is part of another program; that ends it.")
        on_shutdown()

    return {("POST", "/reset"): reset, ("POST", "/shutdown"): shutdown, **_chaos_handlers(broker.faults)}


def _chaos_handlers(faults: Faults) -> Handlers:
    """``GET`` and ``PUT /_emulator/chaos``: ``{"chaos": "duplicate=0.01,..."}``, the faults that are made."""

    async def show(_body: Any) -> dict[str, str]:
        return {"chaos": str(faults.plan) if isinstance(faults, Chaos) else "off"}

    async def change(body: Any) -> dict[str, str]:
        if not isinstance(faults, Chaos):
            raise unimplemented("The faults of this emulator are made by the program that it is part of.")
        text = body.get("chaos") if isinstance(body, dict) else None
        if not isinstance(text, str):
            raise invalid('The body must be a JSON object such as {"chaos": "duplicate=0.01"}')
        try:
            faults.follow(Plan.parse(text))
        except UsageError as error:
            raise invalid(str(error)) from error
        return {"chaos": str(faults.plan)}

    return {("GET", CHAOS_PATH): show, ("PUT", CHAOS_PATH): change}
