"""Durations and points in time as gcloud takes them."""

import contextlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsubctl.cli.times import moment, seconds

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "value"),
    [("90", 90), ("90s", 90), ("10m", 600), ("2h", 7200), ("7d", 604800), ("1h30m", 5400), ("1d12h", 129600), ("0", 0)],
)
def test_a_duration(text, value):
    assert seconds(text) == seconds(text.upper()) == value


@pytest.mark.parametrize("text", ["", "s", "-1", "1.5h", "1w", "30m1h", "soon", " 5", "1h 30m", "9" * 40])
def test_what_is_no_duration(text):
    with pytest.raises(ValueError, match="must be a duration such as"):
        seconds(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("now", "2026-03-31T12:00:00+00:00"),
        ("2026-03-01T10:00:00Z", "2026-03-01T10:00:00+00:00"),
        ("2026-03-01t10:00:00.5z", "2026-03-01T10:00:00.500000+00:00"),
        ("2026-03-01T10:00+0300", "2026-03-01T07:00:00+00:00"),
        ("20260301T104941Z", "2026-03-01T10:49:41+00:00"),
        ("Thu, 25 Sep 2003 10:49:41 -0300", "2003-09-25T13:49:41+00:00"),
        ("25 Sep 2003 10:49:41 -0000", "2003-09-25T10:49:41+00:00"),
        ("-p1d", "2026-03-30T12:00:00+00:00"),
        ("+pt30m", "2026-03-31T12:30:00+00:00"),
        ("-P2H30M", "2026-03-31T09:30:00+00:00"),
        ("-p1m", "2026-02-28T12:00:00+00:00"),
        ("-p1y2m3dt4h5m6.7s", "2025-01-28T07:54:53.300000+00:00"),
    ],
)
def test_a_point_in_time(text, value):
    assert moment(text, NOW).isoformat() == value


@pytest.fixture
def tokyo(monkeypatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("tokyo")
def test_without_a_zone_it_is_the_local_one():
    assert moment("2026-03-01T10:00", NOW).isoformat() == "2026-03-01T01:00:00+00:00"
    assert moment("2026-03-01", NOW).isoformat() == "2026-02-28T15:00:00+00:00"


@pytest.mark.parametrize(
    "text",
    ["", "soon", "-1h", "-p", "p1d", "-p1.5m", "2026-13-01", "20260301104941", "0001-01-01T00:00+05:00", "-p99999999d"],
)
def test_what_is_no_point_in_time(text):
    with pytest.raises(ValueError, match="must be a time such as"):
        moment(text, NOW)


@given(st.text(max_size=30) | st.from_regex(r"[+-][pP](\d{0,9}[ymdhsYMDHStT.]){0,6}", fullmatch=True))
def test_nothing_else_than_a_value_error_comes_of_garbage(text):
    for read in (seconds, lambda given: moment(given, NOW)):
        with contextlib.suppress(ValueError):
            read(text)
