"""The dashboard's charts, percentiles and words, which need no store."""

import html
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsubctl.gateway.dashboard import charts
from pubsubctl.gateway.dashboard.now import hour_of
from pubsubctl.gateway.dashboard.percentiles import shares, spread
from pubsubctl.render.secrets import is_secret
from pubsubctl.store.answers import Activity

SERIES = [charts.Series("fine", "succeeded", "plain", [0, 3, 7]), charts.Series("not", "failed", "hatched", [1, 0, 2])]
TIMES = charts.Times(["10:00", "10:01", "10:02"], "10:03")


def parsed(chart):
    return ET.fromstring(str(chart))


def titles(chart):
    return [one.text for one in parsed(chart).iter("title")]


def test_a_stack_has_its_numbers_on_hover_its_unit_and_its_times():
    chart = charts.stacked("k", "What ended", TIMES, SERIES, "jobs a minute")
    assert titles(chart) == ["10:00: 0 fine, 1 not", "10:01: 3 fine, 0 not", "10:02: 7 fine, 2 not"]
    assert parsed(chart).get("aria-label") == "What ended"
    texts = [one.text for one in parsed(chart).iter("text")]
    assert texts == ["0", "5", "10", "jobs a minute", "10:00", "10:01", "10:03", "time (UTC)"]


def test_what_lies_in_a_stack_is_as_high_as_it_is_many():
    bars = [
        one for one in parsed(charts.stacked("k", "t", TIMES, SERIES, "u")).iter("rect") if "url" in one.get("fill", "")
    ]
    heights = [(one.get("fill"), round(float(one.get("height")))) for one in bars]
    tenth = (190 - 12 - 34) / 10
    counts = [("failed", 1), ("succeeded", 3), ("succeeded", 7), ("failed", 2)]
    assert heights == [(f"url(#k-{kind})", round(tenth * count)) for kind, count in counts]


def test_no_two_kinds_differ_by_colour_alone():
    patterns = [
        ET.tostring(one).split(b">", 2)[2]
        for one in parsed(charts.stacked("k", "t", TIMES, SERIES, "u")).iter("pattern")
    ]
    assert len(patterns) == len(set(patterns)) == 2


def test_a_line_has_a_gap_where_nothing_is_known():
    chart = charts.line("Failed", TIMES, [0.5, None, 0.25], "failed")
    assert titles(chart) == ["10:00: 50.0%", "10:02: 25.0%"]
    (path,) = [one for one in parsed(chart).iter("path") if one.get("class") == "line failed"]
    assert re.sub(r"[\d.,]+", "", path.get("d")) == "M M"


def test_times_are_drawn_as_points_of_their_own_shapes():
    chart = charts.ranges("Times", [charts.Row("queue", [("p50", 0.02), ("p90", 3.0)]), charts.Row("run", [])])
    assert titles(chart) == ["queue p50: 20 ms", "queue p90: 3 s"]
    shapes = [one.tag for one in parsed(chart).iter() if one.get("class") == "point"]
    assert shapes == ["circle", "rect"]


@pytest.mark.parametrize("draw", [charts.legend(SERIES, "k"), charts.point_legend(["p50", "p90", "p99"])])
def test_a_legend_names_every_kind(draw):
    assert len(list(parsed(draw).iter("li"))) == len(list(parsed(draw).iter("svg"))) >= 2


def test_names_are_text_whatever_they_are():
    hostile = '"><script>'
    series = [charts.Series(hostile, "failed", "plain", [1])]
    for chart in (
        charts.stacked("k", hostile, charts.Times([hostile], hostile), series, hostile),
        charts.line(hostile, charts.Times([hostile], hostile), [0.1], "failed"),
        charts.ranges(hostile, [charts.Row(hostile, [(hostile, 1.0)])]),
        charts.legend(series, "k"),
    ):
        assert "<script>" not in chart
        parsed(chart)


@given(st.lists(st.floats(0, 1e7), max_size=40), st.lists(st.integers(0, 10**7), max_size=60))
def test_whatever_the_numbers_every_mark_is_within_its_chart(times, counts):
    rows = [charts.Row("queue", spread(times).values), charts.Row("run", spread(times[:3]).values)]
    series = [charts.Series("n", "succeeded", "plain", counts)]
    wholes = [count + 1 for count in counts]
    for chart in (
        charts.ranges("t", rows),
        charts.stacked("k", "t", charts.Times(["x"] * len(counts), "y"), series, "u"),
        charts.line("t", charts.Times(["x"] * len(counts), "y"), shares(counts, wholes, 1), "failed"),
    ):
        svg = parsed(chart)
        width, height = map(float, svg.get("viewBox").split()[2:])
        for mark in svg.iter():
            x, y = float(mark.get("cx", mark.get("x", 0))), float(mark.get("cy", mark.get("y", 0)))
            assert -7 <= x <= width
            assert -7 <= y <= height


@pytest.mark.parametrize(("steps", "shown"), [([], []), (["a"], ["a", "z"]), (["a", "b"], ["a", "b", "z"])])
def test_however_few_steps_there_are_they_begin_and_end_where_they_do(steps, shown):
    chart = charts.line("t", charts.Times(steps, "z"), [0.5] * len(steps), "failed")
    assert [one.text for one in parsed(chart).iter("text") if one.text in {"a", "b", "z"}] == shown


@given(st.floats(0, 1e9))
def test_a_scale_ends_above_what_is_on_it_and_not_far_above(value):
    top = charts.nice(value)
    assert value <= top <= max(1, 2 * value)


def test_percentiles_are_times_that_there_were():
    assert (spread(()).p50, spread(()).values) == (None, [])
    found = spread([float(number) for number in range(1, 101)])
    assert (found.p50, found.p90, found.p99, found.count) == (50, 90, 99, 100)
    assert spread([3.0]).values == [("p50", 3.0), ("p90", 3.0), ("p99", 3.0)]


def test_shares_are_of_some_steps_together_and_unknown_where_nothing_was():
    assert shares([1, 1, 0, 0, 2], [2, 2, 0, 0, 2], 2) == [0.5, None, 1.0]


def test_an_hour_says_what_its_steps_are_however_long():
    minutes = hour_of(Activity(0.0, 60.0, (1,) * 60, (1,) * 60, (0,) * 60, (0.1,), (0.2,)))
    assert (minutes.ended, minutes.per_minute, len(minutes.shares)) == (120, 2.0, 12)
    assert (minutes.steps[-1], minutes.share_steps[-1], minutes.until) == ("00:59", "00:55", "01:00")
    coarse = hour_of(Activity(0.0, 300.0, (10,) * 12, (0,) * 12, (0,) * 12, (), ()))
    assert (coarse.per_minute, len(coarse.shares), coarse.rows[1]) == (2.0, 12, ("00:05", [10, 0, 0]))


@pytest.mark.parametrize(
    "name", ["authorization", "X-API-Key", "x-access-token", "cookie2-session", "X-Amz-Security-Token"]
)
def test_what_lets_somebody_in_is_known_by_its_name(name):
    assert is_secret(name)


@pytest.mark.parametrize(
    "name", ["content-type", "accept", "x-request-id", "etag", "author", "x-tokenizer", "authority"]
)
def test_and_the_rest_is_shown(name):
    assert not is_secret(name)


def test_html_is_escaped_by_every_template():
    folder = Path(charts.__file__).parent / "templates"
    for template in folder.rglob("*.html"):
        text = template.read_text()
        assert "|safe" not in text.replace(" ", "")
        assert "autoescape" not in text
        assert html.unescape(text).count("javascript:") == 0
