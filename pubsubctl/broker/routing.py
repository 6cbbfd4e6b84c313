"""The metadata by which the service routes a call, for calls that are not made by a generated client."""

from urllib.parse import urlencode


def routed(field: str, name: str) -> tuple[tuple[str, str], ...]:
    """The metadata of a call whose request has this full name in this field, such as ``topic``.

    As https://google.aip.dev/client-libraries/4222 has it.
    """
    return (("x-goog-request-params", urlencode({field: name}, safe="/")),)
