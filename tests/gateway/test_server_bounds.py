import io
import resource
import socket
import threading
import time
from typing import Any

import pytest
from pausing_server import (
    WAIT_S,
    Waiting,
    connected,
    get,
    is_closed,
    problem,
    read_all,
    read_response,
    read_until,
    serving,
    until,
)

from pubsubctl.gateway.pausing import Pause


def endless(environ: Any, start_response: Any) -> Any:
    """Writes for as long as the client reads, at ``/endless``."""
    if environ["PATH_INFO"] != "/endless":
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]
    start_response("200 OK", [])
    return iter(lambda: b"x" * 1_000_000, None)


def echo(environ: Any, start_response: Any) -> Any:
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(body))), ("Server", "mine")])
    return [body]


def test_a_client_that_does_not_read_does_not_hold_a_thread() -> None:
    with serving(endless, threads=1, stall_s=0.5) as server, connected(server) as slow, connected(server) as other:
        slow.sendall(get("/endless"))
        slow.recv(1)
        other.sendall(get("/"))
        assert read_response(other)[2] == b"ok"


def test_a_client_that_reads_slowly_is_served() -> None:
    body = b"x" * 30_000_000

    def large(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    with serving(large, stall_s=1.0) as server, connected(server) as client:
        client.sendall(get("/"))
        seen = 0
        while seen < len(body):
            data = client.recv(2_000_000)
            assert data
            seen += len(data)
            time.sleep(0.05)


@pytest.mark.parametrize("sent", [b"", b"GET / HT", get("/", "Content-Length: 5") + b"abc"])
def test_a_client_that_does_not_send_its_request_is_closed(sent: bytes) -> None:
    with serving(endless, request_s=0.5) as server, connected(server) as client:
        client.sendall(sent)
        assert is_closed(client)


def test_an_idle_connection_is_closed() -> None:
    with serving(endless, idle_s=0.5) as server, connected(server) as client:
        client.sendall(get("/"))
        assert read_response(client)[2] == b"ok"
        assert is_closed(client)


def test_a_connection_that_waits_is_not_idle() -> None:
    app = Waiting()
    with serving(app, idle_s=0.2, request_s=0.2, stall_s=0.2) as server, connected(server) as client:
        client.sendall(get("/wait"))
        with connected(server) as other:
            assert is_closed(other)
        with connected(server) as another:
            assert is_closed(another)
        app.wake()
        assert read_response(client)[2] == b"/wait"


def test_when_connections_are_short_the_idle_make_room() -> None:
    app = Waiting()
    with serving(app, most_connections=4) as server:
        waiting, idle, half, new = (connected(server) for _ in range(4))
        waiting.sendall(get("/wait"))
        idle.sendall(get("/idle"))
        assert read_response(idle)[2] == b"/idle"
        half.sendall(b"GET /half HTTP/1.1\r\n")
        until(lambda: len(app.pauses) == 1 and len(server.server.active_channels) == 4)
        with connected(server) as one:
            one.sendall(get("/one"))
            assert is_closed(idle)
            assert read_response(one)[2] == b"/one"
            half.sendall(b"Host: x\r\n\r\n")
            assert read_response(half)[2] == b"/half"
            app.wake()
            assert read_response(waiting)[2] == b"/wait"
        for client in (waiting, idle, half, new):
            client.close()


def test_who_is_still_reading_an_answer_makes_room_last() -> None:
    body = b"x" * 30_000_000

    def large(environ: Any, start_response: Any) -> Any:
        answer = body if environ["PATH_INFO"] == "/large" else b"ok"
        start_response("200 OK", [("Content-Length", str(len(answer)))])
        return [answer]

    with serving(large, most_connections=2) as server, connected(server) as reader:
        reader.sendall(get("/large"))
        read_until(reader, b"\r\n\r\n")
        until(lambda: [c.requests for c in server.server.active_channels.values()] == [[]])
        silent = [connected(server) for _ in range(2)]
        with connected(server) as client:
            client.sendall(get("/"))
            assert read_response(client)[2] == b"ok"
        assert server.server.active_channels
        reader.shutdown(socket.SHUT_WR)
        assert len(read_all(reader)) > len(body) - 100_000
        for other in silent:
            other.close()


def test_a_flood_of_silent_connections_keeps_nobody_out() -> None:
    with serving(endless, most_connections=20) as server:
        silent = []
        for _ in range(10):
            silent += [connected(server) for _ in range(10)]
            with connected(server) as client:
                client.sendall(get("/"))
                assert read_response(client)[2] == b"ok"
        for client in silent:
            client.close()


def test_a_body_may_have_its_most_bytes_and_no_more() -> None:
    with serving(echo, max_body=1_000) as server:
        with connected(server) as client:
            client.sendall(get("/", "Content-Length: 1000", method="POST") + b"x" * 1_000)
            status, headers, body = read_response(client)
            assert (status, body) == (200, b"x" * 1_000)
            assert "server" not in headers
            assert "via" not in headers
        with connected(server) as client:
            client.sendall(get("/", "Content-Length: 1001", method="POST") + b"x" * 1_001)
            assert "1000 bytes" in problem(client)["detail"]


def test_a_client_that_sends_far_too_much_comes_to_read_why() -> None:
    with serving(echo, max_body=1_000) as server, connected(server) as client:
        client.sendall(get("/", f"Content-Length: {8 * 2**20}", method="POST"))
        for _ in range(8):
            client.sendall(b"x" * 2**20)
        assert problem(client)["status"] == 413
        assert is_closed(client)


def test_a_chunked_body_is_bounded_as_well() -> None:
    with serving(echo, max_body=1_000) as server, connected(server) as client:
        client.sendall(get("/", "Transfer-Encoding: chunked", method="POST") + b"FFFF\r\n" + b"x" * 0xFFFF)
        assert problem(client)["status"] == 413


def test_who_asks_first_is_not_told_to_go_on_with_too_large_a_body() -> None:
    with serving(echo, max_body=1_000) as server, connected(server) as client:
        client.sendall(get("/", "Content-Length: 1001", "Expect: 100-continue", method="POST"))
        assert problem(client)["status"] == 413


def test_who_asks_to_go_on_with_nothing_is_answered() -> None:
    with serving(echo) as server, connected(server) as client:
        client.sendall(get("/", "Expect: 100-continue"))
        assert read_response(client)[0] == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (get("/", "Content-Length: x"), 400),
        (get("/", "Content-Length: " + "9" * 5_000), 400),
        (get("http://[::1/"), 400),
        (get("/", "Bad Header: x"), 400),
        (get("/", "Transfer-Encoding: gzip"), 501),
        (get("/", "Content-Length: 3", "Transfer-Encoding: chunked") + b"0\r\n\r\n", 400),
        (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (get("/", "Content-Length: 0", "Content-Length: 0"), 400),
        (get("/", "Content-Length: +0"), 400),
        (get("/", "A: " + "x" * 70_000), 431),
    ],
)
def test_what_makes_no_sense_is_a_problem(sent: bytes, status: int) -> None:
    with serving(echo) as server, connected(server) as client:
        client.sendall(sent)
        found = problem(client)
        assert found["status"] == status
        assert found["title"]
        assert found["detail"]
        assert is_closed(client)


@pytest.mark.parametrize("target", ["/a%2Fb%20c?q=%41&r", "//a//b", "http://other/a%2Fb?q", "*"])
def test_the_target_is_kept_as_it_was_sent(target: str) -> None:
    app = Waiting()
    with serving(app) as server, connected(server) as client:
        client.sendall(get(target))
        read_response(client)
    assert app.environs[0]["REQUEST_URI"] == target


def test_the_environ_has_what_it_is_to_have() -> None:
    app = Waiting()
    with serving(app) as server, connected(server) as client:
        forwarded = [
            "X-Forwarded-For: 1.2.3.4",
            "X-Forwarded-Proto: https",
            "X-Forwarded-Host: evil",
            "Forwarded: for=x",
        ]
        client.sendall(get("/a", *forwarded))
        read_response(client)
        port = str(client.getsockname()[1])
    environ = app.environs[0]
    assert environ["REMOTE_ADDR"] == "127.0.0.1"
    assert environ["REMOTE_PORT"] == port
    assert environ["wsgi.url_scheme"] == "http"
    assert environ["HTTP_HOST"] == "x"
    assert environ["HTTP_X_FORWARDED_FOR"] == "1.2.3.4"
    assert isinstance(environ["wsgi.input"], io.IOBase) or environ["wsgi.input"].read
    assert [key for key in environ if key.islower() and not key.startswith("wsgi.")] == ["pubsubctl.pausing"]
    assert None not in environ.values()


def test_a_client_that_closes_its_half_is_answered() -> None:
    with serving(echo) as server, connected(server) as client:
        client.sendall(get("/", "Content-Length: 2", "Connection: close", method="POST") + b"hi")
        client.shutdown(socket.SHUT_WR)
        assert read_all(client).endswith(b"\r\n\r\nhi")


def test_an_event_stream_that_nobody_reads_is_closed() -> None:
    closed = threading.Event()

    class Stream:
        def __iter__(self) -> Any:
            while True:
                yield b"x" * 1_000_000
                pause = Pause()
                pause.wake()
                yield pause

        def close(self) -> None:
            closed.set()

    def events(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return Stream()

    with serving(events, threads=1, stall_s=0.5) as server, connected(server) as client:
        client.sendall(get("/"))
        assert closed.wait(WAIT_S)


def test_a_server_asks_for_as_many_files_as_its_connections_need() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (400, before[1]))
    try:
        with serving(echo, most_connections=500):
            assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 500
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
