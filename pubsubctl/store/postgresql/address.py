"""Where a PostgreSQL store is: the URL of a database, and the schema in it that is ours alone."""

import re
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from pubsubctl.errors import InvalidSetting
from pubsubctl.names import shown_url

DEFAULT_SCHEMA = "pubsubctl"
_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,47}")
_SCHEMA_PARAMETER = re.compile(r"(?<=[?&])schema=([^&#]*)(&|(?=#)|$)")

# A host that has gone without a word must be noticed while somebody waits for it, and not after the hours that TCP
# takes by itself: what was sent has to be acknowledged within 15 s, and a silent connection is asked after 10 s.
_PATIENCE = {
    "keepalives": "1",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
    "application_name": "pubsubctl",
    "client_encoding": "utf8",
}
_CONNECT_S, _LEAST_CONNECT_S = 10, 2
LOCK_TIMEOUT_S = 30
# A process that was stopped in the middle of a transaction must not keep its locks for longer than its leases last. Nor
# may one whose host is gone, which the server by itself would find out after hours: its transaction is no idle one, if
# the server had not heard the end of what it was told.
_SESSION = {
    "lock_timeout": f"{LOCK_TIMEOUT_S}s",
    "idle_in_transaction_session_timeout": "30s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "15000",
}


@dataclass(frozen=True)
class Address:
    """A database, and our schema in it.

    Attributes:
        name: the URL, for people: without its password.
        schema: where our tables are, beside whatever else the database has.
        parameters: what libpq is given to connect.
    """

    name: str
    schema: str
    parameters: dict[str, Any] = field(repr=False)

    @classmethod
    def of(cls, url: str) -> "Address":
        """From ``postgresql://user:password@host:port/database?schema=NAME``, and all that libpq takes in a URL.

        Raises:
            InvalidSetting: it is no such URL.
        """
        scheme, separator, rest = url.partition("://")
        url = scheme.lower() + separator + rest
        found = _SCHEMA_PARAMETER.search(url)
        schema = found.group(1) if found else DEFAULT_SCHEMA
        if not _SCHEMA.fullmatch(schema):
            raise InvalidSetting(f"the schema {schema!r} of the store must be lower-case letters, digits and '_'")
        rest = _SCHEMA_PARAMETER.sub("", url).rstrip("?&")
        try:
            given = conninfo_to_dict(rest)
            _check_ports(given)
        except psycopg.ProgrammingError as error:
            # Its own words quote whatever it could not read, and that may be the password.
            why = (
                str(error).strip()
                if "query parameter" in str(error)
                else "percent-encode what is special in a password"
            )
            raise InvalidSetting(f"the store {shown_url(url)} is no URL of a database; {why}") from None
        hosts = str(given.get("host") or "").count(",") + 1
        patience = _PATIENCE | {"connect_timeout": str(max(_LEAST_CONNECT_S, _CONNECT_S // hosts))}
        return cls(shown_url(url), schema, patience | given | {"options": _options(given.get("options"), schema)})

    def connect(self, *, within_s: int | None = None) -> "psycopg.Connection[Any]":
        """A new connection, without a transaction: we begin and end them ourselves.

        Args:
            within_s: how long it may take a host to answer, where that is to be less than usual.
        """
        hurry = {} if within_s is None else {"connect_timeout": within_s}
        connection = psycopg.connect(**{**self.parameters, **hurry}, autocommit=True)
        connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED  # whatever is usual in that database
        return connection


def _check_ports(given: dict[str, Any]) -> None:
    """A slash in a password makes its beginning a port, which connecting would tell everybody."""
    if not all(port.isdigit() for port in str(given.get("port") or "").split(",") if port):
        raise psycopg.ProgrammingError("no port")


def _options(given: Any, schema: str) -> str:
    """The session's settings; whoever names one in the URL has the last word, but for the schema."""
    ours = " ".join(f"-c {name}={value}" for name, value in _SESSION.items())
    return " ".join(part for part in (ours, str(given) if given else "", f"-c search_path={schema}") if part)
