"""The one place where Google's exceptions become ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from google.api_core import exceptions as api
from google.auth import exceptions as auth

from pubsubctl.broker.access import explained, is_of_one_call
from pubsubctl.credentials.troubles import plain
from pubsubctl.errors import AccessDenied, BrokerError, BrokerUnreachable, ResourceNotFound

if TYPE_CHECKING:
    from pubsubctl.credentials.identity import Identity

_SILENT = (api.DeadlineExceeded, api.GatewayTimeout)
_AWAY = (
    *_SILENT,
    api.ServiceUnavailable,
    api.RetryError,
    api.Aborted,
    api.Cancelled,
    api.InternalServerError,
    api.Unknown,
    api.ResourceExhausted,
)
_UNTRUSTED = "CERTIFICATE_VERIFY_FAILED"


class Asked(Protocol):
    """The broker that a call is made to, as a ``Connection`` knows it."""

    @property
    def place(self) -> str:
        """Its address, as people know it."""
        ...

    @property
    def identity(self) -> "Identity | None":
        """Who asks."""
        ...


@contextmanager
def translated(broker: Asked, subject: str = "") -> Iterator[None]:
    """Raise our errors for Google's.

    Args:
        broker: what is asked.
        subject: what the call is about, such as ``topic projects/p/topics/orders``. Unless given, it is about what
            ``pubsubctl setup`` makes.

    Raises:
        BrokerUnreachable: it did not answer, or answered that trying again may help: a write may have happened.
        ResourceNotFound: it knows no such topic, subscription, snapshot or schema.
        BrokerError: it refused: nothing has happened.
    """
    about, place = f"{subject}: " if subject else "", broker.place
    try:
        yield
    except api.MethodNotImplemented as error:
        raise BrokerError(f"{about}the broker at {place} cannot do this: {_first_line(error)}") from error
    except _AWAY as error:
        raise BrokerUnreachable(_away(broker, _reason(error))) from error
    except api.NotFound as error:
        why = explained(error, _first_line(error), broker.identity)
        if why is not None:
            raise BrokerError(why) from error
        hint = "" if subject else "; `pubsubctl setup` creates what is missing"
        raise ResourceNotFound(f"{about}{_first_line(error)} (at {place}){hint}") from error
    except (api.Unauthenticated, api.PermissionDenied) as error:
        words = _first_line(error)
        why = explained(error, words, broker.identity) if broker.identity is not None else None
        of_one_call = isinstance(error, api.PermissionDenied) and is_of_one_call(error)
        raise AccessDenied(
            f"{about if of_one_call else ''}{why or f'the broker at {place} denies access: {words}'}",
            is_of_one_call=of_one_call,
        ) from error
    except api.GoogleAPICallError as error:
        words = _first_line(error)
        raise BrokerError(
            f"{about}{words} (at {place})" if subject else f"the broker at {place} refused: {words}"
        ) from error
    except auth.TransportError as error:
        raise BrokerUnreachable(_first_line(error)) from error
    except auth.GoogleAuthError as error:
        raise BrokerError(_first_line(error)) from error


def _away(broker: Asked, error: Exception) -> str:
    words = _first_line(error)
    if isinstance(error, api.ResourceExhausted) and (why := explained(error, words, broker.identity)) is not None:
        return why
    if (of_token := plain(words)) != words:  # it is asked for with every call, and what is wrong says what mends it
        return of_token
    if _UNTRUSTED in words:
        return (
            f"the certificate of {broker.place} is not trusted here; if a proxy looks into TLS, name the file of its "
            "authority in GRPC_DEFAULT_SSL_ROOTS_FILE_PATH, and in REQUESTS_CA_BUNDLE"
        )
    what = "does not answer" if isinstance(error, _SILENT) else "is not available"
    return f"the broker at {broker.place} {what}: {words}"


def _reason(error: Exception) -> Exception:
    """What the last try ended with, where there were several."""
    cause = error.cause if isinstance(error, api.RetryError) else None
    return cause if isinstance(cause, Exception) else error


def _first_line(error: Exception) -> str:
    text = str(getattr(error, "message", "") or error)
    return text.strip().splitlines()[0].rstrip(".") if text.strip() else type(error).__name__
