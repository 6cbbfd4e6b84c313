"""Durations and sizes, as people write them. Pure."""

import re
from typing import Any

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_LONGEST_DAYS = 3660
"""Ten years: what is much longer than that, a thread cannot wait."""


def duration(value: Any) -> float:
    """Seconds from a number of them, or from ``90s``, ``10m``, ``2h``, ``7d``.

    Raises:
        ValueError: it is neither, or longer than ten years.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", str(value))
    if isinstance(value, bool) or match is None:
        raise ValueError("must be a duration such as 90, 90s, 10m, 2h or 7d")
    seconds = float(match.group(1)) * _UNITS[match.group(2)]
    if seconds > _LONGEST_DAYS * _UNITS["d"]:
        raise ValueError(f"must be at most {_LONGEST_DAYS:,} days")
    return seconds


def size(value: Any) -> int:
    """Bytes from a number of them, or from ``512K``, ``300M``, ``2G`` (powers of 1024).

    Raises:
        ValueError: it is neither.
    """
    match = re.fullmatch(r"(\d+)([KMG]?)(?:iB|B)?", str(value), re.IGNORECASE)
    if isinstance(value, bool) or match is None:
        raise ValueError("must be a size such as 300M or 2G")
    return int(match.group(1)) * _SIZES[match.group(2).upper()]
