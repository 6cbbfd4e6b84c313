"""The metadata by which the service routes a call, for calls that are not made by a generated client."""

from google.api_core import gapic_v1


def routed(subscription: str) -> tuple[tuple[str, str], ...]:
    """The metadata of a call for a subscription, given by its full name."""
    return (gapic_v1.routing_header.to_grpc_metadata((("subscription", subscription),)),)
