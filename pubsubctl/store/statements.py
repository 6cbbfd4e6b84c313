"""SQL compiled once by SQLAlchemy, and run by the database's own driver with plain tuples.

SQLAlchemy's own cache still looks a statement up, and builds its parameters one by one, at every execution: about
ten microseconds a row, as much as SQLite takes to write it; and twenty more a statement for its own cursor. A
``Statement`` is compiled on first use, once for a dialect; what is left per row is one ``itemgetter``.
"""

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import BindParameter, ColumnElement
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ClauseElement, bindparam
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.selectable import TableValuedAlias
from sqlalchemy.types import TypeEngine

Row = Mapping[str, Any]


class Statement:
    """One SQL statement and the names of its parameters.

    Args:
        clause: the statement; its parameters are ``bindparam`` without values.
        columns: for an INSERT or UPDATE, the columns that take a parameter of their own name.
        at_once: whether a database may execute it for many rows of parameters together, and not one after another: no
            two of them are ever about one row of the table, and each parameter has a type.
    """

    def __init__(self, clause: ClauseElement, columns: Iterable[str] = (), *, at_once: bool = False) -> None:
        self.at_once = at_once
        self._clause = clause
        self._columns = list(columns)
        self._compiled: dict[str, tuple[str, tuple[str, ...], Row]] = {}

    def run(self, connection: DBAPIConnection, dialect: Dialect, rows: Sequence[Row]) -> int:
        """Execute once for each of ``rows``; how many rows of the table were touched."""
        if not rows:
            return 0
        sql, names, constants = self._for(dialect)
        full = [constants | row for row in rows] if constants else rows  # type: ignore[operator]
        cursor = connection.cursor()
        cursor.executemany(sql, _tuples(names, full))
        return cursor.rowcount

    def execute(self, connection: DBAPIConnection, dialect: Dialect, parameters: Row) -> DBAPICursor:
        """Execute once."""
        sql, names, constants = self._for(dialect)
        values = constants | parameters if constants else parameters  # type: ignore[operator]
        cursor = connection.cursor()
        cursor.execute(sql, tuple(values[name] for name in names))
        return cursor

    def _for(self, dialect: Dialect) -> tuple[str, tuple[str, ...], Row]:
        found = self._compiled.get(dialect.name)
        if found is None:
            found = self._compiled[dialect.name] = self._compile(dialect)
        return found

    def typed(self, dialect: Dialect) -> tuple[str, tuple[str, ...], Mapping[str, TypeEngine[Any]]]:
        """Its SQL, the names of its parameters in their order, and the types of these."""
        compiled = self._compiled_by(dialect)
        types = {name: bind.type for name, bind in compiled.binds.items()}
        return str(compiled), tuple(compiled.positiontup or ()), types

    def _compiled_by(self, dialect: Dialect) -> SQLCompiler:
        compiled = self._clause.compile(dialect=dialect, column_keys=self._columns)
        assert isinstance(compiled, SQLCompiler)
        return compiled

    def _compile(self, dialect: Dialect) -> tuple[str, tuple[str, ...], Row]:
        compiled = self._compiled_by(dialect)
        names = tuple(compiled.positiontup or ())
        given = {name for name, bind in compiled.binds.items() if bind.required}.union(self._columns)
        return str(compiled), names, {name: compiled.params[name] for name in names if name not in given}


def _tuples(names: tuple[str, ...], rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    if len(names) == 1:
        return [(row[names[0]],) for row in rows]
    pick = itemgetter(*names)
    return [pick(row) for row in rows]


class AnyOf(ColumnElement[bool]):
    """Whether a text column is one of a list that is bound as a single parameter, ``keys``.

    So the statement is the same for any number of keys: nothing to compile again, no limit to the number of variables.
    """

    inherit_cache = False

    def __init__(self, column: ColumnElement[Any]) -> None:
        self.column = column
        self.keys: BindParameter[Any] = bindparam("keys")


@compiles(AnyOf)
def _any(element: AnyOf, compiler: SQLCompiler, **options: Any) -> str:
    return f"{compiler.process(element.column, **options)} = ANY({compiler.process(element.keys, **options)})"


@compiles(AnyOf, "sqlite")
def _any_sqlite(element: AnyOf, compiler: SQLCompiler, **options: Any) -> str:
    keys = compiler.process(element.keys, **options)
    column = compiler.process(element.column, **options)
    return f"{column} IN (SELECT value FROM json_each({keys}))"  # noqa: S608 - both parts were compiled


class Listed(FunctionElement[str]):
    """The list that ``AnyOf`` binds, as rows to select from: for what is to be found anew for each of the keys."""

    inherit_cache = False

    def __init__(self) -> None:
        super().__init__(bindparam("keys"))

    def rows(self) -> TableValuedAlias:
        """A table of one column, ``value``, which is its own name, too: so it is called by all databases."""
        return self.table_valued("value", name="value")


@compiles(Listed)
def _listed(element: Listed, compiler: SQLCompiler, **options: Any) -> str:
    return f"unnest(CAST({compiler.process(element.clauses, **options)} AS text[]))"


@compiles(Listed, "sqlite")
def _listed_sqlite(element: Listed, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


class Matches(ColumnElement[bool]):
    """Whether a text column matches a shell pattern of ``*`` and ``?``, in which case counts; see ``parameters``.

    LIKE is what databases share, but SQLite's passes over case.
    """

    inherit_cache = False

    def __init__(self, column: ColumnElement[Any]) -> None:
        self.column = column
        self.like_pattern: BindParameter[Any] = bindparam("like_pattern")
        self.glob_pattern: BindParameter[Any] = bindparam("glob_pattern")

    @staticmethod
    def parameters(pattern: str) -> dict[str, str]:
        """The parameters for a pattern: a database takes the one that it understands."""
        return {"like_pattern": pattern.translate(_TO_LIKE), "glob_pattern": pattern.replace("[", "[[]")}


_TO_LIKE = str.maketrans({"\\": "\\\\", "%": "\\%", "_": "\\_", "*": "%", "?": "_"})


@compiles(Matches)
def _matches(element: Matches, compiler: SQLCompiler, **options: Any) -> str:
    column = compiler.process(element.column, **options)
    return f"{column} LIKE {compiler.process(element.like_pattern, **options)} ESCAPE '\\'"


@compiles(Matches, "sqlite")
def _matches_sqlite(element: Matches, compiler: SQLCompiler, **options: Any) -> str:
    return f"{compiler.process(element.column, **options)} GLOB {compiler.process(element.glob_pattern, **options)}"
