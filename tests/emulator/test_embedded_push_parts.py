"""The parts of pushing: pace, endpoints, connections, and one subscription whose deadline is short."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import sqlite3
import ssl
import subprocess
import sys
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from push_endpoint import PushEndpoint

from pubsubctl.emulator.embedded.channel import Channel
from pubsubctl.emulator.embedded.clock import SystemClock
from pubsubctl.emulator.embedded.deliveries import Deliveries
from pubsubctl.emulator.embedded.faults import Faults
from pubsubctl.emulator.embedded.protocol import PubsubMessage, Subscription
from pubsubctl.emulator.embedded.protocol import Topic as TopicConfig
from pubsubctl.emulator.embedded.push import Pushing, check_push_config
from pubsubctl.emulator.embedded.push.connection import Unanswered
from pubsubctl.emulator.embedded.push.endpoint import Endpoint
from pubsubctl.emulator.embedded.push.pace import WINDOW_LIMIT, Backoff, Window
from pubsubctl.emulator.embedded.push.poster import Poster
from pubsubctl.emulator.embedded.push.request import Request
from pubsubctl.emulator.embedded.rules import Rules
from pubsubctl.emulator.embedded.status import Refusal
from pubsubctl.emulator.embedded.topic import Topic

# Pace


def test_the_window_doubles_with_each_round_of_successes_and_has_bounds() -> None:
    window = Window()
    sizes = [window.size]
    for _ in range(6):
        for _ in range(window.size):
            window.succeeded()
        sizes.append(window.size)
    assert sizes == [4, 8, 16, 32, 64, 64, 64]
    for _ in range(10):
        window.failed()
    assert window.size == 1
    window.succeeded()
    assert window.size == 2 < WINDOW_LIMIT


def test_pauses_go_from_100_ms_to_60_s() -> None:
    backoff, now, pauses = Backoff(), 1000.0, []
    for _ in range(12):
        backoff.failed(now, now + 5)
        pauses.append(backoff.resume_at - now - 5)
        now = backoff.resume_at
    assert pauses == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 60, 60])
    backoff.succeeded()
    backoff.failed(now, now)
    assert backoff.resume_at - now == pytest.approx(0.1)


def test_failures_of_one_round_are_one_failure() -> None:
    backoff = Backoff()
    for number in range(10):
        backoff.failed(1000.0, 1001.0 + number)
    assert backoff.resume_at == pytest.approx(1001.1)


# Endpoints


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("http://h", Endpoint("h", 80, False, "h", "/")),
        ("https://h", Endpoint("h", 443, True, "h", "/")),
        ("HTTP://Host:8080/a/b?c=d#e", Endpoint("host", 8080, False, "Host:8080", "/a/b?c=d")),
        ("http://[::1]:5/", Endpoint("::1", 5, False, "[::1]:5", "/")),
        ("http://my_service.local./?q", Endpoint("my_service.local.", 80, False, "my_service.local.", "/?q")),
    ],
)
def test_an_http_url_is_an_endpoint(url: str, endpoint: Endpoint) -> None:
    assert Endpoint.parse(url) == endpoint


@pytest.mark.parametrize(
    "url",
    [
        "h",
        "h:80",
        "//h",
        "ftp://h",
        "http:h",
        "http://",
        "http:///x",
        "http://:80",
        "http://h:x",
        "http://h:0",
        "http://h:70000",
        "http://[::1",
        "http://user:password@h",
        "http://h/a b",
        "http://h/\r\nX: y",
        "http://h/ä",
        "http://bücher.example",
        "http://a..b",
        f"http://{'a' * 64}.example",
        " http://h",
    ],
)
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(Refusal, match=r"(?s)Invalid push endpoint given .*push_config\.push_endpoint") as caught:
        check_push_config(Subscription(push_config={"push_endpoint": url}).push_config)
    assert f"(endpoint={url})" in caught.value.text


def test_a_push_config_without_endpoint_is_fine_and_versions_are_known_ones() -> None:
    check_push_config(Subscription(push_config={}).push_config)
    for version in "v1", "v1beta2":
        check_push_config(
            Subscription(
                push_config={"push_endpoint": "http://h", "attributes": {"x-goog-version": version}}
            ).push_config
        )
    config = Subscription(push_config={"push_endpoint": "http://h", "attributes": {"x-goog-version": "v9"}}).push_config
    with pytest.raises(Refusal, match=r"version=v9"):
        check_push_config(config)


# Connections


class Wire:
    """A server that reads requests and answers each with the next of ``answers``; b"" closes without one."""

    def __init__(self, *answers: bytes, then_close: bool = False) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self._answers = list(answers)
        self._then_close = then_close

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                self.requests.append(await reader.readexactly(length))
                answer = self._answers.pop(0)
                writer.write(answer)
                await writer.drain()
                if not answer or self._then_close:
                    break
        writer.close()


@contextlib.asynccontextmanager
async def posting_to(wire: Wire) -> AsyncIterator[Callable[[bytes], Awaitable[int]]]:
    server = await asyncio.start_server(wire.handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    poster = Poster(Endpoint.parse(f"http://127.0.0.1:{port}"))

    async def post(body: bytes) -> int:
        async with asyncio.timeout(5):
            return await poster.post(Request([], body))

    async with server:
        yield post
        poster.close()
        await asyncio.sleep(0.01)


def post_all(wire: Wire, count: int) -> list[int]:
    """The statuses of so many posts, one after the other."""

    async def scenario() -> list[int]:
        async with posting_to(wire) as post:
            return [await post(b"%d" % number) for number in range(count)]

    return asyncio.run(scenario())


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
NO_LENGTH = b"HTTP/1.1 202 Accepted\r\n\r\nuntil the end"
OLD = b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"
CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"
FAILED = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"


def test_responses_of_known_length_leave_the_connection_for_the_next_request() -> None:
    wire = Wire(OK, CHUNKED, CONTINUE + OK, FAILED, b"HTTP/1.1 204 No Content\r\n\r\n")
    assert post_all(wire, 5) == [200, 201, 200, 500, 204]
    assert wire.connections == 1


@pytest.mark.parametrize("answer", [OLD, CLOSING])
def test_a_connection_that_the_endpoint_wants_to_close_is_not_used_again(answer: bytes) -> None:
    wire = Wire(answer, answer)
    assert post_all(wire, 2) == [200, 200]
    assert wire.connections == 2


def test_a_response_without_a_length_ends_with_the_connection() -> None:
    assert post_all(Wire(NO_LENGTH, NO_LENGTH, then_close=True), 2) == [202, 202]


def test_processing_is_an_answer_and_what_comes_later_belongs_to_nobody() -> None:
    wire = Wire(PROCESSING + FAILED, OK)
    assert post_all(wire, 2) == [102, 200]
    assert wire.connections == 2


def test_a_second_response_to_one_request_is_not_taken_for_that_to_the_next() -> None:
    wire = Wire(OK + OK, FAILED)
    assert post_all(wire, 2) == [200, 500]
    assert wire.connections == 2


def test_a_kept_connection_that_was_closed_meanwhile_is_replaced() -> None:
    wire = Wire(OK, b"", OK)
    assert post_all(wire, 2) == [200, 200]
    assert wire.requests == [b"0", b"1", b"1"]


def test_a_new_connection_that_gives_no_answer_is_a_failure() -> None:
    wire = Wire(b"", OK)
    with pytest.raises(Unanswered):
        post_all(wire, 1)
    assert wire.connections == 1


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 2000 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12"]
)
def test_what_is_no_whole_response_is_a_failure(answer: bytes) -> None:
    with pytest.raises(ConnectionError):
        post_all(Wire(answer, then_close=True), 1)


def test_nothing_is_left_of_a_request_that_is_given_up() -> None:
    async def scenario() -> None:
        wire = Wire(b"HTTP/1.1 200 OK\r\n", OK)
        async with posting_to(wire) as post:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await post(b"0")
            assert await post(b"1") == 200
        assert wire.connections == 2

    asyncio.run(scenario())


# TLS


def certificate(directory: Path) -> ssl.SSLContext:
    """A server's TLS for 127.0.0.1; its certificate, which signs itself, is in ``directory``."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "endpoint")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    signed = builder.sign(key, hashes.SHA256())
    (directory / "cert.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (directory / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "cert.pem", directory / "key.pem")
    return context


def test_an_https_endpoint_needs_a_certificate_that_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def post(url: str) -> int:
        poster = Poster(Endpoint.parse(url))
        try:
            return await poster.post(Request([], b"x"))
        finally:
            poster.close()
            await asyncio.sleep(0.01)

    with PushEndpoint(tls=certificate(tmp_path)) as endpoint:
        with pytest.raises(ssl.SSLCertVerificationError):
            asyncio.run(post(endpoint.url))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        assert asyncio.run(post(endpoint.url)) == 204


# One subscription


class Messages:
    """There are none."""

    def read(self, *_: object, **__: object) -> Any:
        raise AssertionError


class Around:
    """A broker that notes what was acknowledged."""

    def __init__(self) -> None:
        self.clock = SystemClock()
        self.faults = Faults()
        self.log = types.SimpleNamespace(messages=Messages())
        self.acknowledged_ids: list[int] = []

    async def read(self, function: Callable[[], Any]) -> Any:
        return function()

    def acknowledged(self, _channel: Channel, ids: Iterable[int]) -> None:
        self.acknowledged_ids.extend(ids)


def push_channel(around: Around, url: str, *data: bytes) -> Channel:
    """A subscription with an ack deadline of a second, to which these data were published."""
    config = Subscription(name="projects/p/subscriptions/s", ack_deadline_seconds=1, push_config={"push_endpoint": url})
    deliveries = Deliveries(Rules(ack_deadline_s=1), ack_ids="1-9-1-", position=1)
    channel = Channel(1, config, Topic(1, TopicConfig(name="t"), tail=1), deliveries, around)  # type: ignore[arg-type]
    messages = [
        (id_, PubsubMessage(data=one, message_id=str(id_)).SerializeToString()) for id_, one in enumerate(data, 1)
    ]
    channel.topic.tail = 1 + len(messages)
    channel.deliveries.load(messages, channel.topic.tail)
    return channel


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


def test_an_endpoint_that_does_not_answer_within_the_ack_deadline_has_refused() -> None:
    async def scenario() -> None:
        around, wire = Around(), Wire(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", OK)
        server = await asyncio.start_server(wire.handle, "127.0.0.1", 0)
        async with server:
            channel = push_channel(around, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", b"x")
            pushing = Pushing(around.clock)
            pushing.follow(channel)
            await until(lambda: wire.requests)
            begun = around.clock.monotonic()
            await until(lambda: around.acknowledged_ids)
            assert 1.0 <= around.clock.monotonic() - begun < 1.8
            assert len(wire.requests) == 2
            assert '"data": "eA=="' in wire.requests[1].decode()
            await pushing.close()

    asyncio.run(scenario())


def test_closing_leaves_no_task_and_no_connection() -> None:
    async def scenario() -> None:
        around, wire = Around(), Wire(*[b"HTTP/1.1 200 OK\r\n"] * 4)
        server = await asyncio.start_server(wire.handle, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            pushing = Pushing(around.clock)
            channel = push_channel(around, f"http://127.0.0.1:{port}", *[b"x"] * 10)
            pushing.follow(channel)
            await until(lambda: len(wire.requests) == 4)
            before = asyncio.all_tasks()
            pushing.forget(channel)
            await pushing.close()
            pushing.follow(push_channel(around, ""))
            await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})
            assert len(before) > 5

    asyncio.run(scenario())


def test_a_subscription_that_cannot_be_taken_from_is_tried_again() -> None:
    async def scenario() -> None:
        around, wire = Around(), Wire(OK)
        server = await asyncio.start_server(wire.handle, "127.0.0.1", 0)
        async with server:
            channel = push_channel(around, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            channel.topic.tail = 2  # a message that the log does not have
            channel._around.log.messages.read = lambda *_, **__: _damaged()
            pushing = Pushing(around.clock)
            pushing.follow(channel)
            await asyncio.sleep(0.1)
            message = PubsubMessage(data=b"x", message_id="1").SerializeToString()
            channel._around.log.messages.read = lambda *_, **__: ([(1, message)], 2)
            await until(lambda: around.acknowledged_ids == [1])
            await pushing.close()

    asyncio.run(scenario())


def _damaged() -> Any:
    raise sqlite3.DatabaseError("database disk image is malformed")


def test_the_http_client_is_not_loaded_before_something_is_pushed() -> None:
    code = "import sys, pubsubctl.emulator.embedded.push as push; sys.exit(f'{push.__name__}.poster' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
