"""What goes wrong in PostgreSQL, in our words. The only place where psycopg's exceptions are known."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from pubsubctl.errors import PubsubctlError, StoreError, StoreUnreachable

_BUSY = "is busy: others write the same jobs; try again"
_AGAIN = "{reason}; it may come back by itself, or look into the server's log"
# By SQLSTATE, or by its class, the first two characters (https://www.postgresql.org/docs/current/errcodes-appendix.html):
# what may pass, or can be mended where it happens.
_AWAY = {
    "08": _AGAIN,  # the connection
    "23505": _BUSY,  # another transaction was quicker with the same key
    "25006": "can only be read: this server is a standby; name the primary, or several hosts and "
    "target_session_attrs=read-write in the store's URL",
    "25P03": "ended a transaction that stood still for too long; try again",
    "40": _BUSY,  # deadlocks and the like: this transaction has lost
    "42501": "does not let this role in ({reason}); run `pubsubctl setup` as a role that may create tables, "
    "and GRANT this one what README lists for workers",
    "53100": "cannot grow, the disk is full; make room on it and try again",
    "53": "has too little of something ({reason}); see its max_connections and its memory",
    "55": _BUSY,
    "57": _AGAIN,  # shut down, crashed, starting up
    "58": _AGAIN,
}
_CLASS = 2


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Raise what the database raises as one of ours, naming the store and what to do.

    Raises:
        StoreUnreachable: the same call may succeed later, or after something outside was mended.
        StoreError: it will not.
    """
    try:
        yield
    except PubsubctlError:
        raise
    except PoolTimeout as error:
        raise StoreUnreachable(f"the store {name} is kept busy by other threads; try again") from error
    except (psycopg.Error, SQLAlchemyError) as error:
        raise failure(name, error) from error
    except (UnicodeEncodeError, OverflowError) as error:
        raise StoreError(f"the store {name} cannot hold a value: {error}") from error


def failure(name: str, error: BaseException) -> PubsubctlError:
    """Our error for one of the database's."""
    error = getattr(error, "orig", None) or error
    reason = " ".join(str(error).split())
    code = getattr(error, "sqlstate", None)
    if code is None and isinstance(error, psycopg.OperationalError):  # nobody answered, so there is no code
        return StoreUnreachable(f"the store {name} cannot be reached: {reason}")
    words = _AWAY.get(code or "") or _AWAY.get((code or "")[:_CLASS])
    if words is not None:
        return StoreUnreachable(f"the store {name} {words.format(reason=reason)}")
    if isinstance(error, psycopg.DataError):
        return StoreError(f"the store {name} cannot hold a value: {reason}")
    return StoreError(f"the store {name} refused: {reason}")


@contextmanager
def opening(name: str) -> Iterator[None]:
    """As ``translated``, for the first connection: what refuses us now would do so for ever."""
    try:
        yield
    except psycopg.OperationalError as error:
        reason = " ".join(str(error).split())
        for words, hint in _REFUSALS.items():
            if words in reason:
                raise StoreError(f"the store {name} does not let us in: {hint} ({reason})") from error
        raise failure(name, error) from error


# What libpq says when it connects has no code to tell it by.
_REFUSALS = {
    "password authentication failed": "check the user and the password in the store's URL",
    "no password supplied": "put the password into the store's URL, PGPASSWORD or ~/.pgpass",
    "does not exist": "create the role or the database, or name another",
    "no pg_hba.conf entry": "let this host in, in the server's pg_hba.conf",
    "is not permitted to log in": "name a role that may log in",
}
