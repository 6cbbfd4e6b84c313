"""The brokers of ``Console``, as fixtures; a test module asks for them with ``pytest_plugins``."""

from collections.abc import Iterator

import pytest
from broker_console import Console

from pubsubctl.emulator.embedded import EmbeddedBroker


@pytest.fixture(scope="session")
def console_embedded_address(tmp_path_factory) -> Iterator[str]:
    with EmbeddedBroker(tmp_path_factory.mktemp("console")) as broker:
        yield broker.address


@pytest.fixture(params=["embedded", "gcloud"])
def console(request, folder, monkeypatch, capsys) -> Iterator[Console]:
    """Every test runs on both brokers, unless it says otherwise."""
    fixture = {"embedded": "console_embedded_address", "gcloud": "gcloud_address"}[request.param]
    monkeypatch.chdir(folder.folder)
    made = Console(request.param, request.getfixturevalue(fixture), monkeypatch, capsys)
    yield made
    made.connection.close()


@pytest.fixture
def workers(console) -> Console:
    """A console with a topic ``orders`` and a subscription ``workers`` to it."""
    console.text("topics", "create", "orders")
    console.text("subscriptions", "create", "workers", "--topic", "orders")
    return console
