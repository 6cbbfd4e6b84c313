from collections.abc import Iterator
from pathlib import Path

import pytest
from gateway_kit import Asking, Surroundings


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surroundings]:
    """A broker, a store and a worker with one process, for all tests of a module."""
    made = Surroundings(tmp_path_factory.mktemp("gateway"))
    try:
        made.worker("-t", "4")
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def ask(surroundings: Surroundings) -> Iterator[Asking]:
    """A gateway as it is by default."""
    with surroundings.gateway() as asking:
        yield asking


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path
