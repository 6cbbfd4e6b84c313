"""A refusal as gRPC states it: a status code and a text that names what is wrong."""

import grpc

# A status goes into a header; a client takes 8 KiB of these, percent-encoded (gRPC's default).
TEXT_SIZE = 600


class Refusal(Exception):
    """Ends an RPC with ``code`` and ``text``.

    ``reason`` and ``metadata``, where given, are those of the google.rpc.ErrorInfo that goes with the status; its
    domain is pubsub.googleapis.com.
    """

    def __init__(
        self, code: grpc.StatusCode, text: str, *, reason: str = "", metadata: dict[str, str] | None = None
    ) -> None:
        super().__init__(text)
        self.code = code
        self.text = text if len(text) <= TEXT_SIZE else f"{text[:TEXT_SIZE]}..."
        self.reason = reason
        self.metadata = metadata or {}


def invalid(text: str) -> Refusal:
    """INVALID_ARGUMENT: the request can never succeed as it stands."""
    return Refusal(grpc.StatusCode.INVALID_ARGUMENT, text)


def out_of_range(text: str) -> Refusal:
    """OUT_OF_RANGE: a number beyond the service's bounds, where the service says it this way."""
    return Refusal(grpc.StatusCode.OUT_OF_RANGE, text)


def not_found(text: str) -> Refusal:
    """NOT_FOUND: the named resource does not exist."""
    return Refusal(grpc.StatusCode.NOT_FOUND, text)


def already_exists(text: str) -> Refusal:
    """ALREADY_EXISTS: a resource of that name is there."""
    return Refusal(grpc.StatusCode.ALREADY_EXISTS, text)


def failed_precondition(text: str) -> Refusal:
    """FAILED_PRECONDITION: not in the state that things are in."""
    return Refusal(grpc.StatusCode.FAILED_PRECONDITION, text)


def unimplemented(text: str) -> Refusal:
    """UNIMPLEMENTED: Pub/Sub can do it, this emulator cannot."""
    return Refusal(grpc.StatusCode.UNIMPLEMENTED, text)


def exhausted(text: str) -> Refusal:
    """RESOURCE_EXHAUSTED: no room; every Pub/Sub client library tries a publish again after it."""
    return Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, text)


def unavailable(text: str) -> Refusal:
    """UNAVAILABLE: not now; clients connect and ask again."""
    return Refusal(grpc.StatusCode.UNAVAILABLE, text)


def internal(text: str) -> Refusal:
    """INTERNAL: something here is broken."""
    return Refusal(grpc.StatusCode.INTERNAL, text)
