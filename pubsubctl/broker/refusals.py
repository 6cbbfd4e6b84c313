"""The one place where Google's exceptions become ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from google.api_core import exceptions as api
from google.auth import exceptions as auth

from pubsubctl.errors import BrokerError, BrokerUnreachable, ResourceNotFound

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


@contextmanager
def translated(place: str, subject: str = "") -> Iterator[None]:
    """Raise our errors for Google's.

    Args:
        place: the broker's address, as people know it.
        subject: what the call is about, such as ``topic projects/p/topics/orders``. Unless given, it is about what
            ``pubsubctl setup`` makes.

    Raises:
        BrokerUnreachable: it did not answer, or answered that trying again may help: a write may have happened.
        ResourceNotFound: it knows no such topic, subscription, snapshot or schema.
        BrokerError: it refused: nothing has happened.
    """
    about = f"{subject}: " if subject else ""
    try:
        yield
    except api.MethodNotImplemented as error:
        raise BrokerError(f"{about}the broker at {place} cannot do this: {_first_line(error)}") from error
    except _AWAY as error:
        reason = _reason(error)
        what = "does not answer" if isinstance(reason, _SILENT) else "is not available"
        raise BrokerUnreachable(f"the broker at {place} {what}: {_first_line(reason)}") from error
    except api.NotFound as error:
        hint = "" if subject else "; `pubsubctl setup` creates what is missing"
        raise ResourceNotFound(f"{about}{_first_line(error)} (at {place}){hint}") from error
    except (api.Unauthenticated, api.PermissionDenied) as error:
        raise BrokerError(
            f"{about}the broker at {place} denies access: {_first_line(error)}; check --credentials-file and its roles"
        ) from error
    except api.GoogleAPICallError as error:
        words = _first_line(error)
        raise BrokerError(
            f"{about}{words} (at {place})" if subject else f"the broker at {place} refused: {words}"
        ) from error
    except auth.GoogleAuthError as error:
        raise BrokerError(
            f"no usable credentials for {place}: {_first_line(error)}; give --credentials-file, "
            "or run `gcloud auth application-default login`"
        ) from error


def _reason(error: Exception) -> Exception:
    """What the last try ended with, where there were several."""
    cause = error.cause if isinstance(error, api.RetryError) else None
    return cause if isinstance(cause, Exception) else error


def _first_line(error: Exception) -> str:
    text = str(getattr(error, "message", "") or error)
    return text.strip().splitlines()[0].rstrip(".") if text.strip() else type(error).__name__
