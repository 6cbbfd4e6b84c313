"""Why a request was refused, for programs: google.rpc.ErrorInfo (google.aip.dev/193), as each protocol carries it."""

from typing import Any

from pubsubctl.emulator.embedded.status import Refusal

DOMAIN = "pubsub.googleapis.com"
TRAILER = "grpc-status-details-bin"
TYPE = "type.googleapis.com/google.rpc.ErrorInfo"


def trailers(refusal: Refusal) -> tuple[tuple[str, bytes], ...]:
    """The trailing metadata of a gRPC status: a google.rpc.Status, where there is a reason."""
    if not refusal.reason:
        return ()
    from google.rpc.error_details_pb2 import ErrorInfo  # type: ignore[import-untyped]
    from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

    code: int = refusal.code.value[0]
    status = Status(code=code, message=refusal.text)
    status.details.add().Pack(ErrorInfo(reason=refusal.reason, domain=DOMAIN, metadata=refusal.metadata))
    return ((TRAILER, status.SerializeToString()),)


def details(refusal: Refusal) -> list[dict[str, Any]]:
    """The ``details`` of an error in JSON; none without a reason."""
    if not refusal.reason:
        return []
    return [{"@type": TYPE, "reason": refusal.reason, "domain": DOMAIN, "metadata": refusal.metadata}]
