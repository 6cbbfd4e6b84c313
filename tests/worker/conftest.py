"""Fixtures of the worker's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from project import Project


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    project = Project(tmp_path)
    project.setup()
    yield project
    project.close()
