"""Every test here runs over every backend."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from backends import BACKENDS, Backend

from pubsubctl.job import JobState
from pubsubctl.store.base import Store


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path, lack: Callable[[str, str], NoReturn]) -> Iterator[Backend]:
    """A backend whose counts, whatever the test has done, are those of its jobs in the end."""
    kind = BACKENDS[request.param]
    if lacks := kind.lacks():
        lack(*lacks)
    made = kind(tmp_path)
    try:
        yield made
        store = made.open()
        found = {state: len(store.find(states=[state], limit=1_000_000).jobs) for state in JobState}
        assert store.counts() == found
    finally:
        made.close()


@pytest.fixture
def store(backend: Backend) -> Store:
    return backend.open()
