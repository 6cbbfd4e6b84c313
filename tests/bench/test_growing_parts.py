"""What the curves count, compare and draw, without measuring any."""

import json
import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from growing import panels, picture
from growing.curves import CURVES, WAITING, Load
from growing.findings import Findings, Found, Measured
from growing.parts import CPU, PARTS, RSS
from growing.stores import named
from growing.table import table
from growing.work import Plan, Work
from racing.noop import expected

from pubsubctl.exchange import Response


def test_a_plan_submits_each_job_once() -> None:
    plan = Plan(jobs=10, together=4, warm=3)
    lots = list(plan.lots(range(plan.total)))
    assert [len(lot) for lot in lots] == [4, 4, 4, 1]
    assert [number for lot in lots for number in lot] == list(range(13))


def test_a_body_is_its_jobs_own_and_as_long_as_it_should_be() -> None:
    work = Work(size=1_000)
    request = work.submission(7).request
    assert (request.method, len(request.body)) == ("POST", 1_000)
    assert work.told(7, Response(200, (), request.body)) == expected(7)


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (None, "no response"),
        (Response(500, (), b""), "HTTP 500"),
        (Response(200, (), b"8" + b"." * 999), r"1,000 bytes that begin with b'8\.\.\."),
        (Response(200, (), b"7" + b"." * 998), r"999 bytes that begin with b'7\.\.\."),
    ],
)
def test_a_body_that_is_not_is_told_in_short(response: Response | None, said: str) -> None:
    told = Work(size=1_000).told(7, response)
    assert re.match(said, told)
    assert len(told) < 100


@pytest.mark.parametrize("name", CURVES)
def test_a_curve_has_no_point_beyond_the_most_and_counts_as_many_jobs_as_it_says(name: str) -> None:
    curve = CURVES[name](Load(most=10_000))
    assert [point.at for point in curve.points] == sorted({point.at for point in curve.points})
    if name in {"waiting", "memory"}:
        assert max(point.at for point in curve.points) == 10_000
    if name == "waiting":
        for point in curve.points:
            lots = [len(lot) for lot in point.plan.lots(range(point.plan.jobs))]
            assert set(lots) == {int(point.at)}
            assert point.plan.waiting == (point.at > 1_000)


def of_path(rate: float, us: float) -> dict[str, float]:
    return {"rate": rate} | {CPU + part: us for part in PARTS} | {RSS + part: 50.0 for part in PARTS}


def findings(*stores: str, most: int = 1_000) -> Findings:
    """Curves of each kind on these stores."""
    found = Findings("<2> & 2", "versions")
    for store in stores:
        waiting = [Found(at, f"{at:,}", of_path(at * 10.0, 10_000.0 / at)) for at in WAITING if at <= most]
        memory = [Found(at, f"{at:,}", of_path(5_000.0, 60.0)) for at in (1_000, 10_000) if at <= 1_000 * most]
        asked = dict.fromkeys(
            [
                *("get", "ended", "counts", "pending", "find", "find-middle", "find-failed", "find-batch"),
                *("counts-batch", "sweep", "add", "claim", "record", "purge"),
            ],
            0.001,
        )
        asking = [Found(at, f"{at:,}", {"status": 0.3, "status-json": at / 1e6, **asked}) for at in (1_000, 1_000_000)]
        cold = [Found(0, "", {"help": 0.1, "status": 0.6, "submit": 0.7})]
        for name, points in (("waiting", waiting), ("sleeping", waiting), ("memory", memory), ("asking", asking)):
            found.curves.append(Measured(name, name, "jobs", store, points))
        found.curves.append(Measured("cold", "cold", "", store, cold))
    return found


def test_findings_come_back_from_json_as_they_were() -> None:
    found = findings("SQLite")
    assert Findings.of_json(json.loads(json.dumps(found.as_json()))) == found


def test_a_later_run_replaces_the_curves_that_it_has() -> None:
    first, later = findings("SQLite"), findings("SQLite", "other", most=10)
    del later.curves[1:5]
    found = first.updated(later)
    assert [curve.name for curve in found.curves] == [curve.name for curve in findings("SQLite", "other").curves]
    assert found.curves[0] == later.curves[0] != first.curves[0]
    assert found.curves[1:5] == first.curves[1:]


def test_the_table_says_what_grew_and_which_budget_is_missed() -> None:
    shown = table(findings("SQLite"))
    assert re.search(r"^last / first +1000\.00x( +0\.00x){4}$", shown, re.MULTILINE)
    assert re.search(r"^1,000,000 +0\.30 +1\.00( +1\.0){14}$", shown, re.MULTILINE)
    assert re.search(r"^budget +0\.5 met +0\.5 MISSED +$", shown, re.MULTILINE)
    assert re.search(r"^budget +0\.2 met +0\.5 MISSED +0\.8 met$", shown, re.MULTILINE)


def text_of(drawn: str) -> list[str]:
    return [each.text or "" for each in ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("stores", [("SQLite",), ("SQLite", "postgresql://127.0.0.1/bench")])
def test_a_picture_is_well_formed_and_has_every_store(stores: tuple[str, ...]) -> None:
    drawn = picture.draw(findings(*stores))
    words = text_of(drawn)
    assert [each for each in words if each in stores] == list(stores)
    assert "prefers-color-scheme: dark" in drawn
    height = float(re.findall(r'height="([\d.]+)"', drawn)[0])
    assert all(float(y) < height for y in re.findall(r' (?:y|y1|y2|cy)="([\d.]+)"', drawn))


def test_a_picture_of_a_single_point_can_be_drawn() -> None:
    ET.fromstring(picture.draw(findings("SQLite", most=1)))


def bar_heights(drawn: str, kind: str) -> list[float]:
    return [float(each) for each in re.findall(rf'<rect class="{kind}"[^>]* height="([\d.]+)"', drawn)]


def test_parts_of_a_bar_are_to_scale_and_one_that_is_too_long_is_torn() -> None:
    frame = panels.Frame(0, 0, "", "")
    columns = [panels.Bar("1", "", {"a": 10.0, "b": 30.0}), panels.Bar("2", "", {"a": 400.0, "b": 400.0})]
    drawn = "".join(panels.bars(frame, columns, most=80.0))
    a, b = bar_heights(drawn, "a"), bar_heights(drawn, "b")
    assert b[0] == pytest.approx(3 * a[0], rel=1e-3)
    assert a[1] + b[1] == pytest.approx(2 * (a[0] + b[0]), rel=1e-3)
    assert drawn.count('class="tear"') == 1
    assert ">800<" in drawn


def test_a_log_axis_has_its_powers_of_ten_at_equal_distances() -> None:
    curve = panels.Curve("a", "a", [1.0, 2.0, 3.0])
    drawn = "".join(panels.lines(panels.Frame(0, 0, "", ""), [1_000, 10_000, 100_000], [curve]))
    xs = [float(each) for each in re.findall(r'cx="([\d.]+)"', drawn)]
    ys = [float(each) for each in re.findall(r'cy="([\d.]+)"', drawn)]
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.2)
    assert ys[0] - ys[1] == pytest.approx(ys[1] - ys[2], abs=0.2)


@pytest.mark.parametrize("wanted", [[50.0, 50.0, 50.0], [99.0, 98.0, 10.0], [10.0, 40.0, 80.0]])
def test_names_at_the_ends_of_lines_do_not_overlap(wanted: list[float]) -> None:
    places = panels.apart(wanted, 14.0, 100.0)
    gaps = [b - a for a, b in zip(sorted(places), sorted(places)[1:], strict=False)]
    assert min(gaps) >= 14.0
    assert max(places) <= 100.0
    assert sorted(range(3), key=wanted.__getitem__) == sorted(range(3), key=places.__getitem__) or len(set(wanted)) < 3


@pytest.mark.parametrize(("count", "said"), [(8, "8"), (1_000, "1k"), (100_000, "100k"), (1_000_000, "1M")])
def test_a_number_at_an_axis_is_short(count: int, said: str) -> None:
    assert panels.short(count) == said


def test_the_name_of_a_store_does_not_tell_its_password() -> None:
    given: Any = "postgresql://me:secret@127.0.0.1:5432/bench"
    backend = named(given)
    assert (backend.title, backend.url) == ("postgresql://127.0.0.1/bench", given)
