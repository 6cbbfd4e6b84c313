"""The brokers that every case runs against: ours, and Google's emulator where it is installed."""

from collections.abc import Iterator

import pytest
from harness.kit import Kit

from pubsubctl.emulator.embedded import EmbeddedBroker


@pytest.fixture(scope="session")
def embedded_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The embedded emulator, one for each process of tests."""
    with EmbeddedBroker(tmp_path_factory.mktemp("embedded")) as broker:
        yield broker.address


@pytest.fixture(scope="session")
def embedded_rest_address(embedded_address: str) -> str:
    """Where the embedded emulator speaks REST: on the port of its gRPC."""
    return embedded_address


@pytest.fixture(scope="session")
def gcloud_rest_address(gcloud_address: str) -> str:
    """Where Google's emulator speaks REST: on the port of its gRPC."""
    return gcloud_address


@pytest.fixture(params=["embedded", "gcloud"])
def kit(request: pytest.FixtureRequest) -> Iterator[Kit]:
    """Calls to a broker, in a project of the case's own."""
    kind = request.param
    address, rest = (request.getfixturevalue(f"{kind}{which}_address") for which in ("", "_rest"))
    made = Kit(kind, address, rest_address=rest)
    yield made
    made.close()
