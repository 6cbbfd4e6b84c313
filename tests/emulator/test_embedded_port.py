"""The port that gRPC and REST share: who gets which connection, and how connections end."""

import asyncio
import os
import resource
import socket
import sys
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import grpc
import pytest
from broker_process import BrokerProcess
from grpc import StatusCode
from pubsub_kit import Broker, data_of, eventually
from rest_kit import ask, dial, read_until

from pubsubctl.emulator.embedded import EmbeddedBroker, entrance, relay
from pubsubctl.emulator.embedded.listener import listen
from pubsubctl.emulator.embedded.lock import DataLock
from pubsubctl.errors import EmulatorError

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = b"\0\0\0\x04\0\0\0\0\0"


def greet(address: str) -> None:
    """See that both protocols are answered at ``address``."""
    broker = Broker("embedded", address)
    topic, subscription = broker.pair()
    broker.publish(topic, b"1")
    assert data_of(broker.pull(subscription)) == [b"1"]
    assert ask(address, "GET", f"/v1/{topic}").json["name"] == topic
    broker.close()


# Where it listens


@pytest.mark.parametrize(
    ("host", "asked"),
    [
        ("127.0.0.1", ["127.0.0.1"]),
        ("localhost", ["localhost", "127.0.0.1"]),
        ("[::1]", ["[::1]"]),
        ("0.0.0.0", ["127.0.0.1", "[::1]"]),
        ("[::]", ["127.0.0.1", "[::1]"]),
    ],
)
def test_both_protocols_are_answered_in_both_address_families(tmp_path: Path, host: str, asked: list[str]) -> None:
    with EmbeddedBroker(tmp_path, host=host) as emulator:
        assert emulator.address.startswith(f"{host}:")
        port = emulator.address.rpartition(":")[2]
        for one in asked:
            greet(f"{one}:{port}")


def test_all_addresses_of_a_host_share_one_port() -> None:
    listeners = listen("localhost:0")
    assert len({one.getsockname()[1] for one in listeners}) == 1
    for one in listeners:
        one.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost"])
def test_a_port_that_somebody_listens_at_is_not_shared(tmp_path: Path, host: str) -> None:
    with EmbeddedBroker(tmp_path / "a") as first:
        port = int(first.address.rpartition(":")[2])
        with pytest.raises(EmulatorError, match="the port is taken; name another --host-port"):
            EmbeddedBroker(tmp_path / "b", host=host, port=port).start()
        greet(first.address)


def test_a_port_may_be_taken_again_at_once(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path) as emulator:
        greet(emulator.address)
        port = int(emulator.address.rpartition(":")[2])
    with EmbeddedBroker(tmp_path, port=port) as emulator:
        greet(emulator.address)


@pytest.mark.parametrize("host_port", ["127.0.0.1:http!", "127.0.0.1:", "127.0.0.1", "127.0.0.1:65536"])
def test_what_is_no_port_is_an_error(host_port: str) -> None:
    with pytest.raises(EmulatorError, match="is no port"):
        listen(host_port)


@pytest.mark.parametrize("host", ["a..b", "ü" * 80, "nowhere.invalid"])
def test_what_is_no_host_is_an_error(host: str) -> None:
    with pytest.raises(EmulatorError, match="is no host that is known here; name another --host-port"):
        listen(f"{host}:0")


def test_where_there_are_no_abstract_sockets_grpc_listens_at_a_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entrance, "private_address", lambda: relay.private_address("darwin"))
    with EmbeddedBroker(tmp_path) as emulator:
        greet(emulator.address)


def test_a_full_disk_at_the_start_is_an_error_that_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_lock: DataLock, address: str | None) -> None:
        if address:
            raise OSError(28, os.strerror(28))

    monkeypatch.setattr(DataLock, "tell", full)
    with pytest.raises(EmulatorError, match="No space left on device; make room"):
        EmbeddedBroker(tmp_path).start()
    monkeypatch.undo()
    with EmbeddedBroker(tmp_path) as emulator:
        greet(emulator.address)


# Which is which


def test_a_grpc_connection_may_begin_in_pieces(embedded: Broker) -> None:
    with dial(embedded.address) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in PREFACE + SETTINGS:
            sock.sendall(bytes([byte]))
        # The server's first frame is its settings.
        assert sock.recv(9)[3] == 4


@pytest.mark.parametrize("said", [b"", b"P", b"PRI"])
def test_a_client_that_leaves_before_it_is_known_is_let_go(embedded: Broker, said: bytes) -> None:
    with dial(embedded.address) as sock:
        sock.sendall(said)
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""


def test_a_method_that_begins_like_http_2_is_http_1(embedded: Broker) -> None:
    with dial(embedded.address) as sock:
        sock.sendall(b"PROPFIND / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert read_until(sock, b"never").startswith(b"HTTP/1.1 404")


# How connections end


def test_connections_that_end_leave_nothing_behind(tmp_path: Path) -> None:
    process = BrokerProcess(tmp_path)
    try:
        broker = process.start()
        address = broker.address
        greet(address)
        before = files(process.pid)
        for _ in range(3):
            socks = [dial(address) for _ in range(60)]
            for number, sock in enumerate(socks):
                sock.sendall([PREFACE + SETTINGS, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"PR"][number % 3])
            for sock in socks[::3]:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            for sock in socks:
                sock.close()
        eventually(lambda: files(process.pid) <= before, "the files of the connections are closed")
        greet(address)
    finally:
        process.close()


def files(pid: int | None) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")
@pytest.mark.parametrize(
    ("said", "answered"), [(PREFACE + SETTINGS, 10), (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 60)], ids=["grpc", "http"]
)
def test_more_connections_than_files_are_survived(tmp_path: Path, said: bytes, answered: int) -> None:
    process = BrokerProcess(tmp_path)
    try:
        broker = process.start()
        broker.close()
        limit = 64 + 3 * 10
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (limit, limit))
        socks = [dial(broker.address) for _ in range(120)]
        for sock in socks:
            sock.sendall(said)
        for sock in socks[:answered]:
            assert sock.recv(1)
        for sock in socks:
            sock.close()
        greet(broker.address)
    finally:
        process.close()


def test_hundreds_of_clients_at_once(embedded: Broker) -> None:
    topic, subscription = embedded.pair()
    # Each with a connection of its own, which equal options would share.
    channels = [grpc.insecure_channel(embedded.address, [("channel", number)]) for number in range(300)]
    message = b"\x0a" + bytes([len(topic)]) + topic.encode() + b"\x12\x03\x0a\x01x"
    calls = [one.unary_unary("/google.pubsub.v1.Publisher/Publish").future(message, timeout=60) for one in channels]
    for call in calls:
        call.result()
    assert len(embedded.pull_all(subscription, 300)) == 300
    for one in channels:
        one.close()


def test_streams_and_pulls_end_with_the_emulator(tmp_path: Path) -> None:
    emulator = EmbeddedBroker(tmp_path).start()
    broker = Broker("embedded", emulator.address)
    _, subscription = broker.pair()
    stream = broker.stream(subscription)
    pulled: list[Any] = []
    pulling = threading.Thread(
        target=lambda: pulled.append(
            ask(emulator.address, "POST", f"/v1/{subscription}:pull", {"maxMessages": 1}).status
        )
    )
    pulling.start()
    with dial(emulator.address) as idle:
        idle.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        read_until(idle, b"Ok\n")
        eventually(lambda: busy(emulator) == [False, True], "the pull has begun")
        emulator.stop()
        assert idle.recv(1) == b""
    pulling.join(10)
    assert pulled == [503]
    assert stream.wait_end() is StatusCode.UNAVAILABLE
    broker.close()


def busy(emulator: EmbeddedBroker) -> list[bool]:
    """Of each connection over HTTP, whether a request is under way."""
    assert emulator._serving
    http = emulator._serving._entrance._http
    return sorted(one.busy for one in list(http._connections.values()) if one) if http else []


def test_a_client_may_end_the_process(tmp_path: Path) -> None:
    process = BrokerProcess(tmp_path)
    try:
        address = process.start().address
        assert ask(address, "POST", "/shutdown").json == {}
        assert process._process
        assert process._process.wait(10) == 0
    finally:
        process.close()


# The relay


def relayed(scene: Callable[[socket.socket, socket.socket, asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Play a scene with the far ends of a relay's two sockets."""

    async def play() -> None:
        client, near = socket.socketpair()
        server, far = socket.socketpair()
        for one in (client, near, server, far):
            one.setblocking(False)
        ended = asyncio.Event()
        made = relay.Relay(near, server, memoryview(bytearray(relay.PORTION)), lambda _: ended.set())
        made.begin(b"head ")
        try:
            async with asyncio.timeout(20):
                await scene(client, far, ended)
        finally:
            made.end()
            client.close()
            far.close()

    asyncio.run(play())


async def read_all(sock: socket.socket) -> bytes:
    content = b""
    while read := await asyncio.get_running_loop().sock_recv(sock, 2**20):
        content += read
    return content


def test_a_relay_passes_on_everything_in_both_directions() -> None:
    sent = os.urandom(5_000_000)

    async def scene(client: socket.socket, server: socket.socket, ended: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()

        async def send(sock: socket.socket) -> None:
            await loop.sock_sendall(sock, sent)
            sock.shutdown(socket.SHUT_WR)

        there, back, *_ = await asyncio.gather(read_all(server), read_all(client), send(client), send(server))
        assert there == b"head " + sent
        assert back == sent
        await ended.wait()

    relayed(scene)


def test_a_client_that_has_said_all_still_hears_the_answer() -> None:
    async def scene(client: socket.socket, server: socket.socket, ended: asyncio.Event) -> None:
        client.shutdown(socket.SHUT_WR)
        assert await read_all(server) == b"head "
        await asyncio.get_running_loop().sock_sendall(server, b"answer")
        server.close()
        assert await read_all(client) == b"answer"
        await ended.wait()

    relayed(scene)


def test_what_a_slow_reader_does_not_take_stays_with_its_sender() -> None:
    async def scene(client: socket.socket, server: socket.socket, _ended: asyncio.Event) -> None:
        sent = 0

        async def send() -> None:
            nonlocal sent
            while True:
                await asyncio.get_running_loop().sock_sendall(server, b"x" * 65_536)
                sent += 65_536

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(send(), 0.5)
        assert sent < 4 * 2**20
        assert client.recv(4) == b"xxxx"

    relayed(scene)


def test_a_connection_that_breaks_ends_the_other() -> None:
    async def scene(client: socket.socket, server: socket.socket, ended: asyncio.Event) -> None:
        await asyncio.get_running_loop().sock_sendall(server, b"x" * 100_000)
        client.close()
        await ended.wait()
        assert await read_all(server) == b"head "

    relayed(scene)
