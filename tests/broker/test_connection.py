"""Which broker is meant, and the credentials of the cloud; nothing here leaves the machine."""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from pubsubctl.broker.connection import Connection, locate
from pubsubctl.emulator.embedded import EmbeddedBroker
from pubsubctl.errors import BrokerUnreachable, InvalidSetting
from pubsubctl.settings import Settings


def cloud(tmp_path: Path, **flags: str) -> Settings:
    required = {"broker": "cloud", "project": "a-project", "store": str(tmp_path / "jobs.db")}
    return Settings.load(required | flags, environ={}, start=tmp_path)


def test_no_emulator_is_said_with_what_starts_one(tmp_path):
    with pytest.raises(BrokerUnreachable, match="pubsubctl setup"):
        locate(Settings.load({}, environ={}, start=tmp_path))


def test_the_emulator_of_the_folder_is_found(tmp_path):
    settings = Settings.load({}, environ={}, start=tmp_path)
    settings.state.write_json(settings.state.emulator_json, {"address": "127.0.0.1:9", "broker": "embedded", "pid": 1})
    assert locate(settings).place == "127.0.0.1:9"
    assert locate(settings).kind == "embedded"


def test_an_emulator_named_by_the_environment_goes_first(tmp_path):
    settings = Settings.load({}, environ={"PUBSUB_EMULATOR_HOST": "127.0.0.1:8"}, start=tmp_path)
    settings.state.write_json(settings.state.emulator_json, {"address": "127.0.0.1:9", "broker": "embedded", "pid": 1})
    assert locate(settings).place == "127.0.0.1:8"
    assert not locate(settings).is_cloud


def test_where_the_cloud_is(tmp_path):
    assert locate(cloud(tmp_path)).place == "pubsub.googleapis.com"
    assert locate(cloud(tmp_path, universe_domain="other.example")).place == "pubsub.other.example"
    there = "europe-west1-pubsub.googleapis.com"
    assert locate(cloud(tmp_path, endpoint=f"https://{there}/")).place == there


@pytest.mark.parametrize("content", [None, "no json", "{}"])
def test_a_key_file_that_cannot_be_used_is_named(tmp_path, content):
    path = tmp_path / "wrong.json"
    if content is not None:
        path.write_text(content)
    with (
        Connection(cloud(tmp_path, credentials_file=str(path))) as connection,
        pytest.raises(InvalidSetting, match=r"wrong\.json.*from --credentials-file"),
    ):
        _ = connection.publisher


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="TCP's user timeout is Linux's")
def test_a_connection_that_dies_without_a_word_is_noticed(tmp_path):
    """By TCP itself within 10 s, on the connection of calls as on those of streams and leases."""
    with EmbeddedBroker(tmp_path / "broker") as broker:
        settings = Settings.load({}, environ={"PUBSUB_EMULATOR_HOST": broker.address}, start=tmp_path)
        with Connection(settings) as connection, connection.lasting() as lasting:
            for channel in (connection.channel, lasting):
                grpc.channel_ready_future(channel).result(timeout=10)
            assert _user_timeouts(broker.address) == [10_000, 10_000]


def test_a_connection_over_a_long_way_is_made_at_the_first_attempt(tmp_path):
    """Two journeys there and back, of 0.7 s each: who gives an attempt up after a second makes one after another."""
    with EmbeddedBroker(tmp_path / "broker") as broker, _far_away(broker.address, 1.4) as (address, accepted):
        settings = Settings.load({}, environ={"PUBSUB_EMULATOR_HOST": address}, start=tmp_path)
        with Connection(settings) as connection:
            grpc.channel_ready_future(connection.channel).result(timeout=20)
        assert len(accepted) == 1


@contextmanager
def _far_away(address: str, first_byte_s: float) -> Iterator[tuple[str, list[socket.socket]]]:
    """The same, where whoever connects waits for what it says first; and all connections that were made."""
    accepted: list[socket.socket] = []
    host, _, port = address.rpartition(":")

    def forward(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                accepted.append(near := listener.accept()[0])
                far = socket.create_connection((host, int(port)))
                opened.callback(far.close)
                threading.Thread(target=forward, args=(near, far), daemon=True).start()
                threading.Timer(first_byte_s, forward, (far, near)).start()

    with contextlib.ExitStack() as opened, socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(target=serve, daemon=True)
        serving.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}", accepted
        listener.shutdown(socket.SHUT_RDWR)
        serving.join()
        for each in accepted:
            each.close()


def _user_timeouts(address: str) -> list[int]:
    """Of every connection that this process has to an address, in milliseconds."""
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            with socket.socket(fileno=os.dup(int(entry.name))) as each:
                peer = each.getpeername()
                timeout_ms = each.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        except OSError:  # no socket, or one that is connected to nobody
            continue
        if address.endswith(f":{peer[1]}"):
            found.append(timeout_ms)
    return found
