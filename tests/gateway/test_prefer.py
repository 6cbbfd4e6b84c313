"""The Prefer header field (RFC 7240)."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsubctl.gateway.prefer import Preferences, read

TOKENS = st.text("abcXYZ019!#$%&'*+-.^_`|~", min_size=1, max_size=12)
WORDS = TOKENS | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12).map(
    lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
)
SPACES = st.sampled_from(["", " ", "\t", "  "])


@st.composite
def preferences(draw):
    """One preference that is none of ours, as its grammar allows it."""
    space = lambda: draw(SPACES)  # noqa: E731 - a new one at each place
    text = "x" + draw(TOKENS)
    if draw(st.booleans()):
        text += f"{space()}={space()}{draw(WORDS | st.just(''))}"
    for _ in range(draw(st.integers(0, 3))):
        text += f"{space()};{space()}"
        if draw(st.booleans()):
            text += draw(TOKENS) + (f"{space()}={space()}{draw(WORDS)}" if draw(st.booleans()) else "")
    return text


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], Preferences()),
        ([""], Preferences()),
        (["respond-async"], Preferences(respond_async=True)),
        (["Respond-Async"], Preferences(respond_async=True)),
        (['respond-async=""'], Preferences(respond_async=True)),
        (["respond-async="], Preferences(respond_async=True)),
        (["wait=10"], Preferences(wait_s=10)),
        (["WAIT = 10"], Preferences(wait_s=10)),
        (['wait="10"'], Preferences(wait_s=10)),
        (['wait="1\\0"'], Preferences(wait_s=10)),
        (["wait=0"], Preferences(wait_s=0)),
        (["wait=10; x=y ;; z"], Preferences(wait_s=10)),
        (["respond-async, wait=10"], Preferences(respond_async=True, wait_s=10)),
        (["respond-async", "wait=10"], Preferences(respond_async=True, wait_s=10)),
        ([" ,, respond-async ,,wait=10, "], Preferences(respond_async=True, wait_s=10)),
        (['return=minimal; a="b, wait=9", wait=10'], Preferences(wait_s=10, others='return=minimal; a="b, wait=9"')),
        (["return=minimal", "handling=lenient, x"], Preferences(others="return=minimal, handling=lenient, x")),
    ],
)
def test_preferences_are_read_as_rfc_7240_writes_them(values, expected):
    assert read(values) == expected


@pytest.mark.parametrize("value", ["wait=10, wait=20", 'WAIT=10, wait="20"', "wait=10, wait", "x, wait=10, wait=5"])
def test_of_repeated_ones_the_first_counts(value):
    assert read([value]).wait_s == 10
    assert read(value.split(",")).wait_s == 10
    assert read(["wait, wait=10"]).wait_s is None
    assert read(["a=1, b, a=2"]).others == "a=1, b"


@pytest.mark.parametrize(
    "value",
    ["wait", "wait=", "wait=-1", "wait=1.5", "wait=soon", "wait=\u0663", "wait=9999999999", "wait=1 2", "wait 1"],
)
def test_a_wait_that_is_no_number_of_seconds_is_none(value):
    assert read([value]).wait_s is None


def test_what_is_no_preference_is_passed_over():
    assert read(['=3, (x), "y", wait=10, a="open, respond-async']) == Preferences(wait_s=10)
    assert read(["respond-async=yes"]) == Preferences()


@given(st.lists(preferences(), max_size=5), st.integers(0, 5))
def test_ours_are_found_among_any_others_and_those_are_kept_as_they_were(others, place):
    place = min(place, len(others))
    found = read([", ".join([*others[:place], "wait=7,respond-async", *others[place:]])])
    assert (found.respond_async, found.wait_s) == (True, 7)
    kept = {}
    for other in others:
        kept.setdefault(other.partition(";")[0].partition("=")[0].strip(" \t").lower(), other.strip(" \t"))
    assert found.others == ", ".join(kept.values())
    assert read([found.others]).others == found.others


@given(st.lists(st.text(st.characters(max_codepoint=255))))
def test_nothing_is_an_error(values):
    found = read(values)
    assert found.wait_s is None or found.wait_s >= 0
    assert "\n" not in found.others or "\n" in "".join(values)


@pytest.mark.parametrize(
    "value",
    [
        "a" + "; " * 30_000 + '"',
        "a" + ";b = " * 12_000 + '"',
        '"\\' * 30_000,
        "a;" + " " * 60_000 + '"',
        ",x=" * 15_000,
    ],
)
def test_no_field_takes_long_to_read(value):
    began = time.thread_time()
    read([value])
    assert time.thread_time() - began < 1


@pytest.mark.parametrize(
    ("given_", "waited_s", "accepted", "applied"),
    [
        (Preferences(), 0, True, None),
        (Preferences(respond_async=True), 0, True, "respond-async"),
        (Preferences(respond_async=True, wait_s=5), 5, True, "respond-async, wait=5"),
        (Preferences(respond_async=True, wait_s=5), 5, False, "wait=5"),
        (Preferences(wait_s=500), 60, True, None),
        (Preferences(wait_s=0), 0, True, "wait=0"),
    ],
)
def test_only_what_was_done_is_said_to_be_applied(given_, waited_s, accepted, applied):
    assert given_.applied(waited_s, accepted=accepted) == applied
