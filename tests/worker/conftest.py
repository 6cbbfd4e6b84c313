"""Fixtures of the worker's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from project import Project

BROKERS = ["embedded", "google"]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "on_every_broker: run it on the embedded emulator and on Google's")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "project" in metafunc.fixturenames and metafunc.definition.get_closest_marker("on_every_broker"):
        metafunc.parametrize("project", BROKERS, indirect=True)


@pytest.fixture
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Project]:
    """A project that is set up; on Google's emulator too where a test is marked ``on_every_broker``."""
    on_google = getattr(request, "param", "embedded") == "google"
    project = Project(tmp_path, request.getfixturevalue("gcloud_address") if on_google else None)
    project.setup()
    yield project
    project.close()
