"""What the race counts, compares and draws, without running it."""

import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from figures import Results
from loads import Failure
from racing import picture
from racing.ledger import Ledger
from racing.noop import expected
from racing.table import FIGURES, P50, RATE, table


def test_a_ledger_is_content_when_each_job_had_its_own_result() -> None:
    ledger = Ledger([1, 2])
    ledger.came(2, expected(2))
    ledger.came(1, expected(1))
    ledger.check()


@pytest.mark.parametrize(
    ("came", "said"),
    [
        ([1], "1 of 2 jobs have no result in time: 2"),
        ([], "2 of 2 jobs have no result in time: 1, 2"),
        ([1, 2, 2], "1 of 2 went wrong: job 2 gave 'done 2', though it had a result already"),
        ([1, 2, 3], "1 of 2 went wrong: job 3 gave 'done 3', though it .* was never submitted"),
    ],
)
def test_a_result_that_is_missing_or_one_too_many_is_told(came: list[int], said: str) -> None:
    ledger = Ledger([1, 2])
    for number in came:
        ledger.came(number, expected(number))
    with pytest.raises(Failure, match=said):
        ledger.check()


def test_a_wrong_result_and_a_missing_one_are_both_told() -> None:
    ledger = Ledger([1, 2])
    ledger.came(1, expected(2))
    with pytest.raises(
        Failure, match="no result in time: 2; 1 of 2 went wrong: job 1 gave 'done 2' instead of 'done 1'"
    ):
        ledger.check()


def test_ratios_are_of_each_round_and_say_how_much_faster_ours_is() -> None:
    results = Results(FIGURES, "pubsubctl")
    for ours, theirs in ((4_000, 1_000), (2_000, 1_000), (900, 300)):
        results.add("pubsubctl", {"rate": ours, "p50": 1.0})
        results.add("celery", {"rate": theirs, "p50": 2.0})
    assert results.ratio("celery", RATE) == 3
    assert results.ratio("celery", P50) == 2
    assert "3.00x" in table(results)


def run_of(rates: dict[str, float], *, bare: float | None) -> dict[str, Any]:
    """What is saved of a run, as far as it is drawn."""
    medians = [rates | ({} if bare is None else {"bare": bare}), dict.fromkeys(rates, 2.0)]
    figures = [{"name": name, "medians": of} for name, of in zip(("rate", "p50"), medians, strict=True)]
    return {"about": "<2> & 2", "versions": "", "titles": {name: name for name in rates}, "figures": figures}


def test_a_picture_is_well_formed_and_has_a_bar_and_a_value_for_each_figure() -> None:
    drawn = picture.draw(run_of({"pubsubctl": 5_000, "celery": 1_000}, bare=17_000))
    ET.fromstring(drawn)
    assert re.findall(r"<text[^>]*>([\d.,]+)</text>", drawn) == ["5,000", "1,000", "2.0", "2.0"]
    lengths = [float(each) for each in re.findall(r'<rect class="(?:ours|bar)"[^>]* width="([\d.]+)"', drawn)]
    assert lengths[0] == pytest.approx(5 * lengths[1])
    assert "prefers-color-scheme: dark" in drawn


@pytest.mark.parametrize(("bare", "to_scale"), [(1_200.0, True), (17_000.0, False)])
def test_the_limit_is_drawn_to_scale_or_says_that_it_is_not(bare: float, to_scale: bool) -> None:
    drawn = picture.draw(run_of({"pubsubctl": 1_000}, bare=bare))
    assert ("not to scale" not in drawn) == to_scale


def test_without_the_bare_application_there_is_no_limit() -> None:
    assert 'class="limit"' not in picture.draw(run_of({"pubsubctl": 1_000}, bare=None))
