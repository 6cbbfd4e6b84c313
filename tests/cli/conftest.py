"""Fixtures of the command line's tests."""

import os
from collections.abc import Iterator

import pytest
from cli_project import CliProject


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Iterator[CliProject]:
    """A project of the test's own: nothing runs in it."""
    for name in [name for name in os.environ if name.startswith("PUBSUB")]:
        monkeypatch.delenv(name)
    project = CliProject(tmp_path)
    yield project
    project.close()


@pytest.fixture
def served(folder) -> CliProject:
    """A project of the test's own with an emulator, and no worker."""
    done = folder.run("setup")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Iterator[CliProject]:
    """A project with an emulator and a worker of four slots, for tests that leave it as it is."""
    project = CliProject(tmp_path_factory.mktemp("project"))
    done = project.run("setup")
    assert done.returncode == 0, done.stderr
    project.start_worker("--processes", "2", "--threads", "2")
    yield project
    project.close()


@pytest.fixture(scope="session")
def idle(tmp_path_factory) -> Iterator[CliProject]:
    """A project with an emulator and no worker: what is submitted stays queued."""
    project = CliProject(tmp_path_factory.mktemp("idle"))
    (project.folder / "page.html").write_bytes(b"<p>")
    (project.folder / "data.json").write_bytes(b"[1]\n")
    done = project.run("setup")
    assert done.returncode == 0, done.stderr
    yield project
    project.close()
