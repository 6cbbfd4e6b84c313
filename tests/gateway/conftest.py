"""Fixtures of the gateway's tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dashboard_jobs import a_client
from dashboard_site import Site
from gateway_kit import Asking, Surroundings

from pubsubctl import Client


@pytest.fixture(scope="session")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surroundings]:
    """A broker, a store and a worker with one process, for all tests: they leave no job behind that runs for long."""
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


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A client of a new SQLite store; there is no broker."""
    with a_client(tmp_path) as client:
        yield client


@pytest.fixture
def dashboard(client: Client) -> Iterator[Callable[..., Site]]:
    """Serves dashboards of that store."""
    sites: list[Site] = []

    def serve(**given: object) -> Site:
        sites.append(Site(client, **given))
        return sites[-1]

    yield serve
    for site in sites:
        site.close()


@pytest.fixture
def site(dashboard: Callable[..., Site]) -> Site:
    """A dashboard that nobody has to sign in to."""
    return dashboard()
