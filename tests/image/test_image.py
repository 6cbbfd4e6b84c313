"""``scripts/image``: what ``init`` writes becomes an image, and all of compose.yaml runs with it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from imaging import debian
from imaging.dockerfile import Instruction, stages

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.mark.timeout(900)
def test_the_image_is_built_on_bare_debian_and_compose_runs_from_submit_to_result_in_it(lack):
    missing = debian.missing()
    if missing is not None:
        lack("debootstrap", missing)
    done = subprocess.run(
        ["timeout", "--signal=TERM", "--kill-after=60", "800", sys.executable, "-m", "imaging"],
        env=os.environ | {"PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
        timeout=880,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    checks = re.findall(r"^(ok|FAILED) +(.+)$", done.stdout, re.MULTILINE)
    assert {how for how, _ in checks} == {"ok"}
    assert {"submit --wait ends with 0", "nobody is root", "worker-1 drains at SIGTERM"} <= {what for _, what in checks}


def test_a_dockerfile_is_read_as_docker_reads_it(tmp_path):
    path = tmp_path / "Dockerfile"
    path.write_text(
        "# syntax=docker/dockerfile:1\nARG V=1\nFROM python:${V}-slim AS build\n"
        "RUN --mount=type=bind,target=/context \\\n    # a comment within\n    pip install \\\n    -r x\n\n"
        "FROM python:${V}-slim\nHEALTHCHECK --interval=10s --timeout=5s \\\n"
        '    CMD ["a", "b c"]\nENTRYPOINT ["worker"]\n'
    )
    build, last = stages(path)
    assert (build.name, last.name, last.base) == ("build", "1", "python:${V}-slim")
    (run,) = build.instructions
    assert (run.name, run.flags, run.words) == (
        "RUN",
        {"mount": "type=bind,target=/context"},
        ["pip", "install", "-r", "x"],
    )
    health, entry = last.instructions
    assert health == Instruction("HEALTHCHECK", {"interval": "10s", "timeout": "5s"}, 'CMD ["a", "b c"]')
    assert entry.command == ["worker"]


def test_what_docker_would_run_in_a_shell_is_refused(tmp_path):
    path = tmp_path / "Dockerfile"
    path.write_text("FROM python:3-slim\nENTRYPOINT pubsubctl\n")
    (stage,) = stages(path)
    with pytest.raises(ValueError, match="Expecting value"):
        _ = stage.instructions[0].command
