"""Many rows in one statement: an array for each parameter, unnested, in place of an execution for each row.

A round of executions costs the server, and psycopg, some twenty microseconds a row each; a row of an array, few.
"""

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import Float, Integer, LargeBinary, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from pubsubctl.store.statements import Row, Statement

_PARAMETER = re.compile(r"%s(?:::\w+)?")
_ROWS = "given"


class _Batch(NamedTuple):
    """A statement over arrays: its SQL, the parameters that they are made of, and how."""

    sql: str
    names: tuple[str, ...]
    encoders: tuple[Callable[[list[Any]], list[Any]], ...]


def run_at_once(
    connection: "psycopg.Connection[Any]", dialect: Dialect, statement: Statement, rows: Sequence[Row]
) -> int:
    """Execute for all rows together; how many rows of the table were touched."""
    batch = _batch(statement, dialect)
    columns = [encode([row[name] for row in rows]) for name, encode in zip(batch.names, batch.encoders, strict=True)]
    return connection.execute(batch.sql, columns).rowcount


@cache
def _batch(statement: Statement, dialect: Dialect) -> _Batch:
    sql, names, types = statement.typed(dialect)
    unique = tuple(dict.fromkeys(names))
    kinds = [_kind(types[name]) for name in unique]
    arrays = ", ".join(f"{kind.placeholder}::{kind.name}[]" for kind in kinds)
    rows = f"unnest({arrays}) AS {_ROWS}({', '.join(f'p{number}' for number in range(len(unique)))})"
    position = iter(names)
    said = _PARAMETER.sub(lambda _: f"{_ROWS}.p{unique.index(next(position))}", sql)
    return _Batch(_over(said, rows), unique, tuple(kind.encode for kind in kinds))


def _over(sql: str, rows: str) -> str:
    """The statement with ``rows`` to read from, in place of its one row of parameters."""
    head, values, tail = sql.partition(" VALUES (")
    if values:
        return f"{head} SELECT {tail.rstrip()[:-1]} FROM {rows}"  # noqa: S608 - both were compiled
    head, _, condition = sql.partition(" WHERE ")
    return f"{head} {'USING' if head.lstrip().startswith('DELETE') else 'FROM'} {rows} WHERE {condition}"


class _Kind(NamedTuple):
    """How PostgreSQL calls a type, and how its arrays are sent."""

    name: str
    placeholder: str
    encode: Callable[[list[Any]], list[Any]]


def _floats(values: list[Any]) -> list[Any]:
    return [None if value is None else float(value) for value in values]  # psycopg takes no list of mixed types


def _kind(type_: TypeEngine[Any]) -> _Kind:
    if isinstance(type_, Float):
        return _Kind("float8", "%s", _floats)
    if isinstance(type_, Integer):
        return _Kind("int8", "%s", list)
    if isinstance(type_, LargeBinary):
        return _Kind("bytea", "%b", list)  # as they are, not as text of twice the length
    assert isinstance(type_, Text), f"a parameter needs a type: {type_!r}"
    return _Kind("text", "%s", _texts)


def _texts(values: list[Any]) -> list[Any]:
    return [None if value is None else str(value) for value in values]
