"""The metadata by which the service routes a call, for calls that are not made by a generated client."""

from google.api_core import gapic_v1


def routed(field: str, name: str) -> tuple[tuple[str, str], ...]:
    """The metadata of a call whose request has this full name in this field: ``topic`` or ``subscription``."""
    return (gapic_v1.routing_header.to_grpc_metadata(((field, name),)),)
