"""Numbers as people read them."""

import pytest

from pubsubctl.render import figures


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (-1, "0.0 s"),
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (12.4, "12 s"),
        (65, "1 min 05 s"),
        (3599.7, "1 h 00 min"),
        (7260, "2 h 01 min"),
        (90_000, "1 d 01 h"),
    ],
)
def test_seconds(value, shown):
    assert figures.seconds(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(-1, "0 ms"), (0.0042, "4 ms"), (0.9996, "1.0 s"), (1.26, "1.3 s"), (90, "1 min 30 s")]
)
def test_what_was_measured_is_told_in_milliseconds_too(value, shown):
    assert figures.took(value) == shown


@pytest.mark.parametrize(("value", "shown"), [(0.25, "0.25 s"), (3.0, "3 s"), (2.5, "2.5 s"), (90, "1 min 30 s")])
def test_what_somebody_has_set_is_told_as_it_was_set(value, shown):
    assert figures.limit(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1, "1 byte"), (999, "999 bytes"), (1500, "1.5 kB"), (2_000_000, "2.0 MB"), (3e12, "3000.0 GB")],
)
def test_size(value, shown):
    assert figures.size(value) == shown


@pytest.mark.parametrize(("value", "shown"), [(12_345.6, "12,346/s"), (2.25, "2.2/s"), (0.5, "30.0/min")])
def test_rate(value, shown):
    assert figures.rate(value) == shown


def test_all_is_said_only_of_all():
    shares = [0.0, 0.999, 1 - 1e-15, 1.0]
    assert [figures.percent(share) for share in shares] == ["0%", "99%", "99%", "100%"]


def test_a_share_of_whole_hundredths_is_as_many():
    assert [figures.percent(number / 100) for number in range(101)] == [f"{number}%" for number in range(101)]


def test_plural():
    assert [figures.plural(count, "job") for count in (0, 1, 2000)] == ["0 jobs", "1 job", "2,000 jobs"]
    assert figures.plural(2, "process", "processes") == "2 processes"
