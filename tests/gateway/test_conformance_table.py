"""CONFORMANCE.md names, for each clause, a test that there is."""

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TABLE = HERE / "CONFORMANCE.md"
STANDARDS = (
    "RFC 9110",
    "RFC 9112",
    "RFC 6585",
    "RFC 7240",
    "RFC 9457",
    "RFC 6750",
    "RFC 8288",
    "draft-ietf-httpapi-idempotency-key-header",
    "Trace Context",
    "Server-sent events",
    "Fetch",
    "OpenAPI 3.1",
)


def rows():
    """(section, clause, behaviour, tests) of each row."""
    section = ""
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        elif line.startswith("| ") and not line.startswith(("| clause", "| ---")):
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            assert len(cells) == 3, line
            yield section, *cells


def names_in(file):
    tree = ast.parse((HERE / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


ROWS = list(rows())


@pytest.mark.parametrize("row", ROWS, ids=[f"{section}: {clause}" for section, clause, *_ in ROWS])
def test_every_row_names_tests_that_there_are(row):
    _, clause, behaviour, tests = row
    assert clause
    assert behaviour
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", tests)
    assert named
    for file, name in named:
        assert name in names_in(file), f"{file} has no {name}"


def test_every_standard_that_the_gateway_follows_has_a_section():
    sections = {section for section, *_ in ROWS}
    for standard in STANDARDS:
        assert any(section.startswith(standard) for section in sections), standard
