"""Resources as text."""

import pytest

from pubsubctl.render.inventory import near, notation
from pubsubctl.render.outline import outline


def test_nested_data_are_outlined():
    content = {
        "name": "projects/p/topics/t",
        "on": True,
        "count": 7,
        "empty": {},
        "blank": "",
        "policy": {"regions": ["a", "b"], "inner": {"deep": "x"}},
        "transforms": [{"udf": {"name": "f"}, "disabled": False}, {}],
    }
    assert list(outline(content)) == [
        "name: projects/p/topics/t",
        "on: true",
        "count: 7",
        "empty: {}",
        'blank: ""',
        "policy:",
        "  regions:",
        "  - a",
        "  - b",
        "  inner:",
        "    deep: x",
        "transforms:",
        "- udf:",
        "    name: f",
        "  disabled: false",
        "- {}",
    ]


@pytest.mark.parametrize(
    ("duration", "text"),
    [("604800s", "7d"), ("5400s", "1h30m"), ("90061s", "1d1h1m1s"), ("0s", "0s"), ("1.500s", "1.500s"), (None, "")],
)
def test_a_duration_is_written_as_flags_take_it(duration, text):
    assert notation(duration) == text


def test_a_name_is_short_in_its_own_project_alone():
    assert near("projects/p/topics/t", "projects/p") == "t"
    assert near("projects/pp/topics/t", "projects/p") == "projects/pp/topics/t"
    assert near("_deleted-topic_", "projects/p") == "_deleted-topic_"
