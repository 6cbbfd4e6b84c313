"""What the gateway answers, as an OpenAPI 3.1 document."""

from typing import Any

from pubsubctl.gateway.terms import Terms


def described(terms: Terms, root: str) -> dict[str, Any]:
    """The document."""
    return {}
