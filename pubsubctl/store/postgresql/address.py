"""Where a PostgreSQL store is: the URL of a database, and the schema in it that is ours alone."""

import re
from dataclasses import dataclass
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
    "connect_timeout": "10",
    "keepalives": "1",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
    "application_name": "pubsubctl",
}
LOCK_TIMEOUT_S = 30
# A process that was stopped in the middle of a transaction must not keep its locks for longer than its leases last.
_IDLE_TIMEOUT_S = 30


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
    parameters: dict[str, Any]

    @classmethod
    def of(cls, url: str) -> "Address":
        """From ``postgresql://user:password@host:port/database?schema=NAME``, and all that libpq takes in a URL.

        Raises:
            InvalidSetting: it is no such URL.
        """
        found = _SCHEMA_PARAMETER.search(url)
        schema = found.group(1) if found else DEFAULT_SCHEMA
        if not _SCHEMA.fullmatch(schema):
            raise InvalidSetting(f"the schema {schema!r} of the store must be lower-case letters, digits and '_'")
        rest = _SCHEMA_PARAMETER.sub("", url).rstrip("?&")
        try:
            given = conninfo_to_dict(rest)
        except psycopg.ProgrammingError as error:
            raise InvalidSetting(f"the store {shown_url(url)} is no URL of a database: {_line(error)}") from error
        return cls(shown_url(url), schema, _PATIENCE | given | {"options": _options(given.get("options"), schema)})

    def connect(self) -> "psycopg.Connection[Any]":
        """A new connection, without a transaction: we begin and end them ourselves."""
        return psycopg.connect(**self.parameters, autocommit=True)


def _options(given: Any, schema: str) -> str:
    """The session's settings; whoever names one in the URL has the last word, but for the schema."""
    ours = f"-c lock_timeout={LOCK_TIMEOUT_S}s -c idle_in_transaction_session_timeout={_IDLE_TIMEOUT_S}s"
    return " ".join(part for part in (ours, str(given) if given else "", f"-c search_path={schema}") if part)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())
