"""Numbers as people read them. Pure."""

_MINUTE = 60
_HOUR = 3600
_DAY = 86400
_TEN = 10
_KILO = 1000
_ALMOST = 99
_LOST = 1e-9
"""What binary fractions may lack: 0.29 of a hundred is 28.999999999999996."""


def seconds(value: float) -> str:
    """A duration, in at most two units."""
    value = max(0.0, value)
    if value < _TEN:
        return f"{value:.1f} s"
    if value < _MINUTE:
        return f"{value:.0f} s"
    whole = round(value)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR:02} h"


def took(value: float) -> str:
    """A duration that was measured, in milliseconds where it is under a second."""
    return f"{max(0.0, value) * 1000:.0f} ms" if round(value, 3) < 1 else seconds(value)


def limit(value: float) -> str:
    """A duration that somebody has set: as it was set, up to a minute."""
    return f"{value:g} s" if value < _MINUTE else seconds(value)


def size(count: int) -> str:
    """A number of bytes, in powers of a thousand."""
    if count < _KILO:
        return f"{count} bytes" if count != 1 else "1 byte"
    if count < _KILO**2:
        return f"{count / _KILO:.1f} kB"
    return f"{count / _KILO**2:.1f} MB" if count < _KILO**3 else f"{count / _KILO**3:.1f} GB"


def rate(per_second: float) -> str:
    """How many in a second, or in a minute where that says more."""
    if per_second >= _TEN:
        return f"{per_second:,.0f}/s"
    return f"{per_second:.1f}/s" if per_second >= 1 else f"{per_second * _MINUTE:.1f}/min"


def percent(fraction: float) -> str:
    """A share, rounded down: it is all of it only where nothing is missing."""
    whole = int(fraction * 100 + _LOST)
    return f"{whole if fraction >= 1 else min(whole, _ALMOST)}%"


def plural(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
