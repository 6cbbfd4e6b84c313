"""Durations and points in time, in the forms that gcloud takes (``gcloud topic datetimes``). Pure."""

import calendar
import re
from datetime import UTC, datetime, timedelta

_DURATION = re.compile(r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s?)?")
_PARTS = re.compile(r"(t?)(\d{1,9}(?:\.\d{1,9})?)([ymdhs])")
_RELATIVE = re.compile(rf"([+-])p((?:{_PARTS.pattern})+)")
_ISO = re.compile(r"\d{4}-?\d\d-?\d\d(?:[tT ].+)?")
_RFC_822 = re.compile(r"(?:[A-Za-z]{3}, )?\d{1,2} [A-Za-z]{3} \d{4} \S.*")
_MONTHS = 12


def seconds(text: str) -> int:
    """A duration such as ``90``, ``90s``, ``10m``, ``1h30m`` or ``7d``, in seconds.

    Raises:
        ValueError: it is none.
    """
    match = _DURATION.fullmatch(text.lower())
    if not match or not text:
        raise ValueError("must be a duration such as 90, 90s, 10m, 1h30m or 7d")
    days, hours, minutes, rest = (int(number or 0) for number in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest


def moment(text: str, now: datetime) -> datetime:
    """A point in time: ``2026-03-01T12:00:00Z``, ``2026-03-01``, ``-p1d``, ``-pt30m``, ``now``.

    Args:
        text: ISO 8601, in the local time zone unless it names one; RFC 822; or a duration from now, of which an ``m``
            is minutes after a ``t`` or an ``h``, and else months.
        now: what relative ones start from.

    Raises:
        ValueError: it is none.
    """
    try:
        found = _relative(text, now) if text[:1] in {"+", "-"} else _absolute(text, now)
        return found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(
            "must be a time such as 2026-03-01T12:00:00Z or 2026-03-01, or counted from now: -pt30m, -p1d, now"
        ) from error


def _absolute(text: str, now: datetime) -> datetime:
    if text.lower() == "now":
        return now
    if _ISO.fullmatch(text):
        return datetime.fromisoformat(text.upper())
    if not _RFC_822.fullmatch(text):
        raise ValueError("no point in time")
    from email.utils import parsedate_to_datetime

    found = parsedate_to_datetime(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)  # -0000 is UTC, of which nothing else is known


def _relative(text: str, now: datetime) -> datetime:
    match = _RELATIVE.fullmatch(text.lower())
    if not match:
        raise ValueError("no duration")
    sign = -1 if match[1] == "-" else 1
    months, delta, in_time = 0, timedelta(), False
    for t, number, unit in _PARTS.findall(match[2]):
        in_time = in_time or bool(t) or unit in {"h", "s"}
        if unit == "y" or (unit == "m" and not in_time):
            months += int(number) * (_MONTHS if unit == "y" else 1)
        else:
            delta += timedelta(**{_ARGUMENTS[unit]: float(number)})
    return _months_later(now, sign * months) + sign * delta


_ARGUMENTS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


def _months_later(day: datetime, months: int) -> datetime:
    """The same day of another month, or its last one where it is shorter."""
    years, month = divmod(day.month - 1 + months, _MONTHS)
    year = day.year + years
    last = calendar.monthrange(year, month + 1)[1]
    return day.replace(year=year, month=month + 1, day=min(day.day, last))
