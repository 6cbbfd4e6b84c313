"""How long a broker may keep somebody waiting: no longer than people would.

The clients as they are generated try again for ten minutes, and say nothing meanwhile.
"""

import functools
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from google.api_core import retry

PATIENCE_S = 10.0
"""The longest that a call takes, all tries together, unless it says otherwise."""

C = TypeVar("C")


def patient(seconds: float) -> "retry.Retry":
    """Try again for so long where that may help at once: the broker is away, or asks for it."""
    from google.api_core import exceptions, retry

    def may_help(error: Exception) -> bool:
        # What says more, of single messages, will say so again.
        is_aborted = isinstance(error, exceptions.Aborted) and not error.metadata
        return is_aborted or isinstance(error, exceptions.ServiceUnavailable)

    return retry.Retry(
        predicate=may_help,
        initial=0.1,
        maximum=1.0,
        multiplier=2.0,
        timeout=seconds,
    )


def patiently(client: C) -> C:
    """A generated client whose calls give up after ``PATIENCE_S``, but for those that name a time of their own."""
    return cast("C", _Patient(client))


class _Patient:
    """Hands on everything that a client has; its calls with a deadline and a policy for trying again."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._defaults = {"retry": patient(PATIENCE_S), "timeout": PATIENCE_S}

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        return functools.partial(found, **self._defaults) if callable(found) else found
