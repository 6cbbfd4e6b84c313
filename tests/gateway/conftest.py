"""Fixtures of the gateway's tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dashboard_jobs import a_client
from dashboard_site import Site

from pubsubctl import Client


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
