"""The tables themselves, and the page that is made of them."""

from collections import Counter

from cases import AREAS
from harness.expected import shown
from harness.page import PATH, page
from harness.sources import UNDOCUMENTED


def test_the_page_in_the_tree_is_what_the_tables_give() -> None:
    assert PATH.read_text() == page(AREAS), "run scripts/conformance --write"


def test_every_case_has_a_name_of_its_own() -> None:
    names = Counter(f"{area.id}-{case.id}" for area in AREAS for case in area.cases)
    assert [name for name, count in names.items() if count > 1] == []


def test_a_difference_is_one() -> None:
    same = [
        case.id
        for area in AREAS
        for case in area.cases
        if case.differs and shown(case.google) == shown(case.documented)
    ]
    assert same == []


def test_every_difference_has_a_source_that_says_so() -> None:
    silent = [
        f"{area.id}-{case.id}"
        for area in AREAS
        for case in area.cases
        if not case.source or (case.differs and case.source == UNDOCUMENTED)
    ]
    assert silent == []
