"""The places that the contract is held against: a directory, and two that fsspec reaches."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import gcs
import pytest

from pubsubctl.payloads.base import Payloads
from pubsubctl.payloads.opening import open_place


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def gcs_address(tmp_path_factory: pytest.TempPathFactory, lack: Callable[[str, str], NoReturn]) -> Iterator[str]:
    if gcs.MISSING:
        lack("gcp-storage-emulator", gcs.MISSING)
    with gcs.served(tmp_path_factory.mktemp("gcs"), free_port()) as address:
        yield address


@pytest.fixture(params=["directory", "memory", "gs"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "directory":
        return str(tmp_path / "bodies")
    if request.param == "memory":
        return f"memory://{tmp_path.name}"
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", request.getfixturevalue("gcs_address"))
    return f"gs://{gcs.BUCKET}/{tmp_path.name}"


@pytest.fixture
def place(url: str) -> Payloads:
    opened = open_place(url)
    opened.check()
    return opened
