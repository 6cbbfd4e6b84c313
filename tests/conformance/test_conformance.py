"""Every case, against the embedded emulator and against Google's."""

import pytest
from cases import AREAS
from harness.case import Case, observe
from harness.kit import Kit

CASES = [pytest.param(case, id=f"{area.id}-{case.id}") for area in AREAS for case in area.cases]


@pytest.mark.parametrize("case", CASES)
def test_the_broker_gives_what_the_table_says(case: Case, kit: Kit) -> None:
    observed = observe(case, kit)
    assert observed == case.expected(kit.kind), f"{case.what} ({case.source})"
