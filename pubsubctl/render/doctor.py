"""What ``doctor`` found."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pubsubctl.render.figures import plural
from pubsubctl.render.output import Format, document, line

_LEVEL, _PLACE = 6, 14


@dataclass(frozen=True)
class Seen:
    """One finding, as it is shown.

    Attributes:
        level: ``ok``, ``note`` or ``wrong``.
        remedy: what mends it.
        fixed: whether that was done.
    """

    place: str
    level: str
    text: str
    remedy: str | None = None
    fixed: bool = False

    def document(self) -> dict[str, Any]:
        """As JSON shows it."""
        return {
            "place": self.place,
            "level": self.level,
            "text": self.text,
            "remedy": self.remedy,
            "fixed": self.fixed,
        }


def show(found: Iterable[Seen], form: Format) -> list[Seen]:
    """Show them as they come; all of them, when that is done."""
    all_of_them = []
    for each in found:
        all_of_them.append(each)
        if form is Format.JSONL:
            document(each.document(), form)
        elif form is Format.TEXT:
            _show(each)
    if form is Format.JSON:
        document([each.document() for each in all_of_them], form)
    elif form is Format.TEXT:
        _sum_up(all_of_them)
    return all_of_them


def _show(seen: Seen) -> None:
    word = "fixed" if seen.fixed else seen.level
    line(f"{word:<{_LEVEL}} {seen.place:<{_PLACE}} {seen.text}")
    if seen.remedy and not seen.fixed:
        line(f"{'':<{_LEVEL}} {'':<{_PLACE}} -> {seen.remedy}")


def _sum_up(found: list[Seen]) -> None:
    bad = sum(each.level == "wrong" and not each.fixed for each in found)
    line()
    line(f"{plural(bad, 'thing')} to mend" if bad else "nothing is wrong")
