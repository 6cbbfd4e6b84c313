"""What goes wrong in Firestore, in our words. The only place where the exceptions of Google's libraries are known."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import GoogleAuthError

from pubsubctl.credentials.troubles import plain
from pubsubctl.errors import PubsubctlError, StoreBusy, StoreError, StoreUnreachable

Code = grpc.StatusCode

_AWAY = {
    Code.UNAVAILABLE: "does not answer ({said}); see that the network is there, or the emulator",
    Code.DEADLINE_EXCEEDED: "does not answer in time; try again",
    Code.RESOURCE_EXHAUSTED: "is asked for more than its quota ({said}); try again later, or raise the quota",
    Code.ABORTED: "is asked for the same by too many at once; try again",
    Code.CANCELLED: "has broken off a call; try again",
    Code.INTERNAL: "failed ({said}); try again",
    Code.UNKNOWN: "failed ({said}); try again",
    Code.DATA_LOSS: "failed ({said}); try again",
    # A token may run out while nobody can be asked for another; and a role is granted where it happens.
    Code.UNAUTHENTICATED: "does not know who asks ({said}); log in with `gcloud auth application-default login`, "
    "or name --credentials-file",
    Code.PERMISSION_DENIED: "may not be used by these credentials ({said}); grant them roles/datastore.user",
}
_REFUSED = {
    Code.NOT_FOUND: "has no such database ({said}); make it with `gcloud firestore databases create`, "
    "or name another one in --store",
    Code.FAILED_PRECONDITION: "cannot answer ({said}); if it lacks an index, `pubsubctl setup` says how to make it",
}
# gRPC tells how it came to know; what is wrong comes last.
_NOISE = re.compile(
    r"failed to connect to all addresses; last error: \w+: (?:ipv[46]:)?|Failed to connect to remote host: "
)
_TOO_LARGE = ("exceeds the maximum", "exceeds maximum size", "is longer than", "maximum allowed size", "too large")
_CONFLICTS = {Code.FAILED_PRECONDITION, Code.ALREADY_EXISTS, Code.NOT_FOUND, Code.ABORTED}


class Conflict(Exception):
    """Somebody else has changed a document since it was read; it never leaves this package."""


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Raise what a call raises as one of ours, naming the database and what to do.

    Raises:
        StoreUnreachable: the same call may succeed later, or after something outside was mended.
        StoreError: it will not.
    """
    try:
        yield
    except (PubsubctlError, Conflict):
        raise
    except (grpc.RpcError, grpc.FutureTimeoutError, GoogleAPICallError, GoogleAuthError) as error:
        raise failure(where, error) from error
    except UnicodeEncodeError as error:
        raise StoreError(f"the store {where} cannot hold a value: {error}") from error
    except (ValueError, OverflowError, TypeError) as error:
        if str(error) == "Cannot invoke RPC on closed channel!" or "closed channel" in str(error):
            raise StoreError(f"the store {where} is closed; open it again") from error
        raise StoreError(f"the store {where} cannot hold a value: {error}") from error


def failure(where: str, error: BaseException) -> PubsubctlError:
    """Our error for one of theirs."""
    code = code_of(error)
    said = _NOISE.sub("", " ".join(_details(error).split()))[:300]
    if any(words in said for words in _TOO_LARGE):
        return StoreError(f"the store {where} takes no document or commit so large ({said}); keep bodies in --payloads")
    if "plugin failed" in said and code is Code.UNAVAILABLE:  # what fetches a token for each call
        code = Code.UNAUTHENTICATED
    if code is Code.ABORTED:
        return StoreBusy(f"the store {where} {_AWAY[code]}")
    if code is Code.UNAUTHENTICATED and "`" in said:  # our own words for credentials, which say what mends them
        return StoreUnreachable(f"the store {where} cannot be asked: {plain(said)}")
    if code in _AWAY:
        return StoreUnreachable(f"the store {where} {_AWAY[code].format(said=said)}")
    if code in _REFUSED:
        return StoreError(f"the store {where} {_REFUSED[code].format(said=said)}")
    return StoreError(f"the store {where} refused: {said or type(error).__name__}")


def is_conflict(error: grpc.RpcError) -> bool:
    """Whether a commit found a document that is not as its precondition says."""
    if "database" in _details(error) and "does not exist" in _details(error):
        return False
    return code_of(error) in _CONFLICTS


def code_of(error: BaseException) -> grpc.StatusCode | None:
    """The status of a call, where the error has one."""
    if isinstance(error, GoogleAuthError):
        return Code.UNAUTHENTICATED
    if isinstance(error, grpc.FutureTimeoutError):
        return Code.UNAVAILABLE
    if isinstance(error, GoogleAPICallError):
        status: grpc.StatusCode | None = error.grpc_status_code
        return status
    code = getattr(error, "code", None)
    found: grpc.StatusCode | None = code() if callable(code) else None
    return found


def _details(error: BaseException) -> str:
    details = getattr(error, "details", None)
    return str((details() if callable(details) else None) or error)
