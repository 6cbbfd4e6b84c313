"""Every test here runs over every backend."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from backends import BACKENDS, Backend

from pubsubctl.store.base import Store


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path, lack: Callable[[str, str], NoReturn]) -> Iterator[Backend]:
    kind = BACKENDS[request.param]
    if lacks := kind.lacks():
        lack(*lacks)
    made = kind(tmp_path)
    yield made
    made.close()


@pytest.fixture
def store(backend: Backend) -> Store:
    return backend.open()
