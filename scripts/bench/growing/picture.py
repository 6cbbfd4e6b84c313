"""A picture of the curves."""

from growing.findings import Findings


def draw(found: Findings) -> str:
    """The picture of what ``growth.py`` found."""
    return str(found)
