"""The brokers of the conformance suite: ours, and Google's emulator where it is installed.

``embedded_only(reason)`` marks a case in which Google's emulator is known to differ from the documented service.
"""

from collections.abc import Iterator

import pytest
from pubsub_kit import Broker
from rest_kit import Rest

from pubsubctl.emulator.embedded import EmbeddedBroker


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "embedded_only(reason): Google's emulator differs from the documented service")


@pytest.fixture(scope="session")
def embedded_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedBroker(tmp_path_factory.mktemp("embedded")) as broker:
        yield broker.address


@pytest.fixture(params=["embedded", "gcloud"])
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """The broker under test; every test runs against both, unless it is marked."""
    kind = request.param
    marker = request.node.get_closest_marker("embedded_only")
    if kind == "gcloud" and marker:
        pytest.skip(f"Google's emulator: {marker.args[0]}")
    made = Broker(kind, request.getfixturevalue(f"{kind}_address"))
    yield made
    made.close()


@pytest.fixture
def embedded(embedded_address: str) -> Iterator[Broker]:
    """The embedded broker alone."""
    made = Broker("embedded", embedded_address)
    yield made
    made.close()


@pytest.fixture
def rest(embedded: Broker) -> Rest:
    """The embedded broker, asked over REST."""
    return Rest(embedded)
