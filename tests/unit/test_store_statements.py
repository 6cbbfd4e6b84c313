import pytest
from sqlalchemy import create_engine
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.sql import bindparam, insert, select

from pubsubctl.store.schema import jobs, metadata
from pubsubctl.store.statements import AnyOf, Matches, Statement


@pytest.mark.parametrize(
    ("dialect", "condition"),
    [(sqlite.dialect(), "IN (SELECT value FROM json_each(?))"), (postgresql.dialect(), "= ANY(")],
)
def test_a_list_of_keys_is_one_parameter_in_the_words_of_each_database(dialect, condition):
    sql = str(select(jobs.c.id).where(AnyOf(jobs.c.id)).compile(dialect=dialect))
    assert f"jobs.id {condition}" in sql


@pytest.mark.parametrize("dialect", [sqlite.dialect(), postgresql.dialect()], ids=["sqlite", "postgresql"])
def test_the_schema_can_be_written_for_each_database(dialect):
    for table in metadata.sorted_tables:
        assert str(CreateTable(table).compile(dialect=dialect))
    partial = {str(index.name): str(CreateIndex(index).compile(dialect=dialect)) for index in jobs.indexes}
    named = {name for name, sql in partial.items() if "WHERE" in sql}
    assert named == {"jobs_due", "jobs_batch", "jobs_reason", "jobs_finished", "jobs_idempotency"}


@pytest.mark.parametrize(
    ("dialect", "condition"),
    [(sqlite.dialect(), "GLOB ?"), (postgresql.dialect(), r"LIKE %(like_pattern)s ESCAPE '\'")],
)
def test_a_shell_pattern_is_matched_in_the_words_of_each_database(dialect, condition):
    sql = str(select(jobs.c.id).where(Matches(jobs.c.path)).compile(dialect=dialect))
    assert f"jobs.path {condition}" in sql


def test_whatever_a_database_gives_a_meaning_to_is_escaped_in_its_pattern():
    given = Matches.parameters(r"/a_b%c\d[1-2]*?")
    assert given == {"like_pattern": r"/a\_b\%c\\d[1-2]%_", "glob_pattern": r"/a_b%c\d[[]1-2]*?"}


@pytest.fixture
def opened():
    """A connection of the driver's, with the tables in it, and its dialect."""
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        metadata.create_all(connection)
        yield connection.connection.driver_connection, engine.dialect
    engine.dispose()


def test_a_statement_brings_its_own_constants_to_one_row_and_to_many(opened):
    meta = metadata.tables["meta"]
    put = Statement(insert(meta).values(value="always"), ["key"])
    get = Statement(select(meta.c.key).where(meta.c.value == "always").order_by(meta.c.key))
    assert put.run(*opened, [{"key": "a"}, {"key": "b"}]) == 2
    assert put.execute(*opened, {"key": "c"}).rowcount == 1
    assert get.execute(*opened, {}).fetchall() == [("a",), ("b",), ("c",)]


def test_a_statement_takes_its_parameters_by_name_in_any_order(opened):
    meta = metadata.tables["meta"]
    put = Statement(insert(meta), ["key", "value"])
    get = Statement(select(meta.c.value).where(meta.c.key == bindparam("of")).limit(bindparam("most")))
    put.run(*opened, [])
    put.run(*opened, [{"value": "1", "key": "a"}, {"key": "b", "value": "2", "unused": 0}])
    assert get.execute(*opened, {"most": 5, "of": "b"}).fetchall() == [("2",)]
