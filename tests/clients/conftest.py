"""The embedded emulator as others' programs meet it: a process of its own, with gRPC and REST on one port."""

import uuid
from collections.abc import Iterator

import pytest
from emulator_process import running_emulator
from pubsub_project import Project


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an emulator, one for each process of tests."""
    with running_emulator(tmp_path_factory.mktemp("emulator")) as address:
        yield address


@pytest.fixture
def environment(emulator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What tells Google's client libraries to talk to the emulator."""
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", emulator)


@pytest.fixture
def transport() -> str:
    """Of ``project``'s clients; tests that are to run over REST too are parametrized with it."""
    return "grpc"


@pytest.fixture
def project(emulator: str, transport: str) -> Iterator[Project]:
    """A project of the test's own."""
    with Project.opened(f"p-{uuid.uuid4().hex[:12]}", emulator, transport) as made:
        yield made
