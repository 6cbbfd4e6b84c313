"""One cloud for each test: what a test does to it is nobody else's."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cloudlike import Rehearsal, rehearsal


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Rehearsal]:
    with rehearsal(tmp_path) as found:
        yield found
