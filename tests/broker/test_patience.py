"""No call waits longer than people would, whatever keeps the broker from answering."""

import http.server
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from pubsubctl.broker import listing, messages, patience
from pubsubctl.broker.connection import Connection
from pubsubctl.broker.publish import Outgoing
from pubsubctl.emulator.embedded import EmbeddedBroker, Faults
from pubsubctl.emulator.embedded.status import Refusal, exhausted, unavailable
from pubsubctl.errors import BrokerUnreachable
from pubsubctl.settings import Settings

TOPIC = "projects/a-project/topics/orders"
SUBSCRIPTION = "projects/a-project/subscriptions/workers"


class Refusing(Faults):
    """Every call is refused, by what ``refusal`` makes; ``calls`` counts them."""

    def __init__(self, refusal: Callable[[str], Refusal]) -> None:
        self._refusal = refusal
        self.calls = 0

    async def before_rpc(self, method: str) -> None:
        self.calls += 1
        raise self._refusal("a fault of the test")


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PATIENCE_S", 1.0)


@pytest.fixture
def connected() -> Iterator[Callable[[str], Connection]]:
    opened: list[Connection] = []

    def connect(address: str) -> Connection:
        settings = Settings.load({}, environ={"PUBSUB_EMULATOR_HOST": address})
        opened.append(Connection(settings))
        return opened[-1]

    yield connect
    for one in opened:
        one.close()


def test_a_broker_that_is_not_available_is_given_up_and_its_reason_kept(tmp_path, connected):
    with EmbeddedBroker(tmp_path, faults=Refusing(unavailable)) as broker:
        connection = connected(broker.address)
        began = time.monotonic()
        with pytest.raises(BrokerUnreachable, match="is not available: a fault of the test"):
            list(listing.topics(connection, "projects/a-project"))
        assert time.monotonic() - began < 5


def test_a_pull_that_is_refused_ends_with_the_time_that_it_may_wait(tmp_path, connected):
    with EmbeddedBroker(tmp_path, faults=Refusing(unavailable)) as broker:
        began = time.monotonic()
        with pytest.raises(BrokerUnreachable, match="is not available"):
            messages.pull(connected(broker.address), SUBSCRIPTION, 1, wait_s=0.5)
        assert time.monotonic() - began < 5


def test_a_full_disk_is_told_at_once(tmp_path, connected):
    faults = Refusing(exhausted)
    with (
        EmbeddedBroker(tmp_path, faults=faults) as broker,
        pytest.raises(BrokerUnreachable, match="not available: a f"),
    ):
        messages.publish(connected(broker.address), TOPIC, Outgoing(b"x"))
    assert faults.calls == 1


def test_what_speaks_http_alone_is_given_up(connected):
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            began = time.monotonic()
            with pytest.raises(BrokerUnreachable):
                messages.publish(connected(f"127.0.0.1:{server.server_port}"), TOPIC, Outgoing(b"x"))
            assert time.monotonic() - began < 15
        finally:
            server.shutdown()
            thread.join()
