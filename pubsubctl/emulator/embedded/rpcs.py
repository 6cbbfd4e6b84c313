"""The API's RPCs, as its descriptors list them, each with who answers it: gRPC and REST serve the same ones."""

import sqlite3
from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import Any

from pubsubctl.emulator.embedded.broker import Broker
from pubsubctl.emulator.embedded.faults import Faults
from pubsubctl.emulator.embedded.names import check
from pubsubctl.emulator.embedded.protocol import PACKAGE, Empty, message_class
from pubsubctl.emulator.embedded.publisher import Publisher
from pubsubctl.emulator.embedded.schema.service import SchemaService
from pubsubctl.emulator.embedded.status import internal, unimplemented
from pubsubctl.emulator.embedded.stream import Stream, read_request
from pubsubctl.emulator.embedded.subscriber import Subscriber

IAM = "google.iam.v1.IAMPolicy"

Method = Callable[[Any, Any], Awaitable[Any]]


def servicers(broker: Broker) -> dict[str, object]:
    """Who answers for each service, in methods named as its RPCs in snake case; an RPC without one is UNIMPLEMENTED."""
    return {
        f"{PACKAGE}.Publisher": Publisher(broker),
        f"{PACKAGE}.Subscriber": StreamingSubscriber(broker),
        f"{PACKAGE}.SchemaService": SchemaService(broker.schemas),
        IAM: broker.policies,
    }


class StreamingSubscriber(Subscriber):
    """The subscriber with its streams."""

    async def streaming_pull(self, _requests: Any, context: Any) -> None:
        """Serve one stream to its end; over gRPC alone, as it reads and writes by the context."""
        first = await read_request(context)
        if first is None:
            return
        name = check("subscriptions", first.subscription)
        channel = self._catalogue.find_channel(name, f"Subscription does not exist (resource={name.rsplit('/', 1)[1]})")
        await Stream(self._broker, channel, first, context).run()


class Rpc:
    """One RPC of one service.

    Attributes:
        name: as in the API, such as ``CreateTopic``.
        service: the full name of its service.
        streaming: whether there are many requests and responses.
    """

    def __init__(self, descriptor: Any, servicer: object, faults: Faults) -> None:
        self.name: str = descriptor.name
        self.service: str = descriptor.containing_service.full_name
        self.streaming: bool = descriptor.client_streaming
        self._types = descriptor.input_type.full_name, descriptor.output_type.full_name
        self._method: Method = getattr(servicer, _snake(self.name), None) or self._missing
        self._faults = faults

    @cached_property
    def request(self) -> Any:
        """The class of the request, or of each."""
        return message_class(self._types[0])

    @cached_property
    def response(self) -> Any:
        """The class of the response; what ``answer`` returns may be the bytes of one."""
        return message_class(self._types[1])

    async def answer(self, request: Any, context: Any) -> Any:
        """Do what ``request`` asks for, and return the response: a message or the bytes of one.

        Args:
            request: a message of class ``request``; whatever gRPC gives for a stream.
            context: tells ``time_remaining()``, the seconds that the caller waits, None if that is not known, and
                ``invocation_metadata()``, pairs of names and values.

        Raises:
            Refusal: it was refused.
        """
        await self._faults.before_rpc(self.name)
        return await self.carry_out(request, context)

    async def carry_out(self, request: Any, context: Any) -> Any:
        """As ``answer``, without the faults that may be made."""
        try:
            return await self._method(request, context)
        except sqlite3.Error as error:
            raise internal(f"The message log could not be read: {error}.") from error

    async def _missing(self, _request: Any, _context: Any) -> None:
        raise unimplemented(f"Method {self.service}/{self.name} is not implemented by the embedded emulator")


def make_rpcs(broker: Broker) -> dict[str, Rpc]:
    """All RPCs by name; no two services have one of the same name."""
    pool = Empty.DESCRIPTOR.file.pool
    return {
        method.name: Rpc(method, servicer, broker.faults)
        for service, servicer in servicers(broker).items()
        for method in pool.FindServiceByName(service).methods
    }


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
