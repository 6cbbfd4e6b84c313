"""``--each`` with as many files as follow it."""

from pathlib import Path

import pytest

from pubsubctl.cli.submit import spread, target_and_files
from pubsubctl.errors import UsageError


@pytest.mark.parametrize(
    ("args", "spread_out"),
    [
        ("POST /x", "POST /x"),
        ("POST /x --each a", "POST /x --each a"),
        ("POST /x --each a b -w", "POST /x --each a --each b -w"),
        ("--each a b -w POST /x", "--each a --each b -w POST /x"),
        ("--each a --each b -w", "--each a --each b -w"),
        ("--each a - -w", "--each a --each - -w"),
        ("--each=a POST /x", "--each=a POST /x"),
        ("--each a -- b", "--each a -- b"),
        ("--each-as f --each a b", "--each-as f --each a --each b"),
    ],
)
def test_every_file_gets_its_option(args, spread_out):
    assert spread(args.split()) == spread_out.split()


def test_each_without_a_file_is_refused():
    with pytest.raises(UsageError, match="--each needs a file"):
        spread(["POST", "/x", "--each"])


def test_the_target_may_stand_behind_the_files(tmp_path):
    there = tmp_path / "there"
    there.touch()
    assert target_and_files([], ["a", "b", "POST", "/x"]) == (["POST", "/x"], [Path("a"), Path("b")])
    assert target_and_files([], ["a", "/x"]) == (["/x"], [Path("a")])
    assert target_and_files(["/x"], ["a", "/y"]) == (["/x"], [Path("a"), Path("/y")])
    assert target_and_files([], ["a", str(there)]) == ([], [Path("a"), there])
