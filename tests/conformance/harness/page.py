"""The page that says where Google's emulator differs from the documented service."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.case import SAME, Area, Case
from harness.expected import shown
from harness.sources import DOCS, REFERENCE, REFERENCE_ADDRESS

PATH = Path(__file__).parent.parent / "DIFFERENCES.md"

HEAD = """# Where the emulators differ from the documented service

Written by `scripts/conformance --write` from the tables in `tests/conformance/cases`; not to be edited.

Every case runs against the embedded emulator and against Google's (gcloud's `beta emulators pubsub`). The embedded
emulator has to give what is documented, but for what its own table here says. Google's has to give what this page says,
so that a case whose answer changes fails: the page cannot be out of date. Where the documentation is silent, the
embedded emulator does as Google's, unless that is plainly a fault. A text between dots (…) is part of an error's text.
"""


def page(areas: list[Area]) -> str:
    """The page, as Markdown."""
    differences = (line for area in areas for line in _differences(area))
    return "\n".join([HEAD, *_summary(areas), *_own(areas), *differences])


def _summary(areas: list[Area]) -> Iterator[str]:
    yield from _row("Area", "Cases", "Google's emulator differs in")
    yield from _row("---", "--:", "--:")
    for area in areas:
        yield from _row(f"[{area.title}](#{area.id})", len(area.cases), len(_differing(area)))
    yield from _row("**All**", sum(len(area.cases) for area in areas), sum(len(_differing(area)) for area in areas))
    yield ""


def _own(areas: list[Area]) -> Iterator[str]:
    """What the embedded emulator cannot do."""
    yield from ("## The embedded emulator", "")
    yield from _row("What is tried", "Documented", "The embedded emulator", "Source")
    yield from _row("---", "---", "---", "---")
    for case in (case for area in areas for case in area.cases if case.embedded is not SAME):
        yield from _row(case.what, shown(case.documented), shown(case.embedded), _linked(case.source))
    yield ""


def _differences(area: Area) -> Iterator[str]:
    if not _differing(area):
        return
    yield from (f'<a id="{area.id}"></a>', "", f"## {area.title}", "")
    yield from _row("What is tried", "Documented, and embedded", "Google's emulator", "Source")
    yield from _row("---", "---", "---", "---")
    for case in _differing(area):
        yield from _row(case.what, shown(case.documented), shown(case.google), _linked(case.source))
    yield ""


def _differing(area: Area) -> list[Case]:
    return [case for case in area.cases if case.differs]


def _row(*cells: object) -> Iterable[str]:
    yield f"| {' | '.join(_cell(str(cell)) for cell in cells)} |"


def _cell(text: str) -> str:
    """Without what Markdown would take for the end of the cell."""
    return text.replace("|", "\\|").replace("\n", " ")


def _linked(source: str) -> str:
    """An address as a link, and the API's reference too; any other text as it is."""
    if source.startswith(REFERENCE):
        return f"[{source.removeprefix(REFERENCE)}]({REFERENCE_ADDRESS})"
    is_address = "/" in source and " " not in source
    return f"[{source.removeprefix(DOCS)}](https://{source})" if is_address else source
