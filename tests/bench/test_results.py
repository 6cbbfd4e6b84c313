"""The pictures in README are made from the data beside them, and its figures are those of the data."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BENCH = ROOT / "scripts" / "bench"
RESULTS = BENCH / "results"


@pytest.mark.parametrize("name", ["peers", "growth"])
def test_a_picture_is_the_one_of_its_data(tmp_path, name):
    drawn = tmp_path / "drawn.svg"
    command = [BENCH / f"{name}.py", "--from", RESULTS / f"{name}.json", "--picture", drawn]
    subprocess.run([sys.executable, *map(str, command)], check=True, capture_output=True, timeout=60)
    assert drawn.read_text() == (RESULTS / f"{name}.svg").read_text()
    assert f"(scripts/bench/results/{name}.svg)" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize(
    ("figure", "kinds"), [("rate", ["pubsubctl", "celery", "celery-durable", "dramatiq", "dramatiq-durable"])]
)
def test_what_readme_says_is_what_was_measured(figure, kinds):
    figures = json.loads((RESULTS / "peers.json").read_text())["figures"]
    (medians,) = [each["medians"] for each in figures if each["name"] == figure]
    readme = (ROOT / "README.md").read_text()
    for kind in kinds:
        assert f"| {medians[kind]:,.0f} |" in readme, kind
