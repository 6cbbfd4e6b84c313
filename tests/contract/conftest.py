"""Every test here runs over every backend."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from backends import BACKENDS, Backend

from pubsubctl.store.base import Store


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    made = BACKENDS[request.param](tmp_path)
    yield made
    made.close()


@pytest.fixture
def store(backend: Backend) -> Store:
    return backend.open()
