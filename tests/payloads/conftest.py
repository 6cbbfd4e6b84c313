"""The places that the contract is held against: a directory, and two that fsspec reaches."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
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


@pytest.fixture(autouse=True)
def _no_rest_between_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let gcsfs try again at once: else it rests for half a minute in all, each time."""
    monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")  # as it has to be when gcsfs is imported
    retry = pytest.importorskip("gcsfs.retry", reason="gcsfs is not installed")
    monkeypatch.setattr(retry, "asyncio", SimpleNamespace(sleep=lambda _: asyncio.sleep(0.01)))


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
