import selectors
import threading
from collections.abc import Iterator
from pathlib import Path
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
from pubsubctl.gateway.server import Server


@pytest.fixture
def app() -> Waiting:
    return Waiting()


@pytest.fixture
def server(app: Waiting) -> Iterator[Server]:
    with serving(app, threads=2) as server:
        yield server


@pytest.mark.parametrize("path", ["/wait", "/late"])
def test_a_response_goes_on_after_its_pause(server: Server, app: Waiting, path: str) -> None:
    with connected(server) as client:
        client.sendall(get(path))
        until(lambda: app.pauses)
        assert app.closed == []
        app.wake()
        assert read_response(client)[::2] == (200, path.encode())
        until(lambda: app.closed == [path])


def test_a_response_pauses_as_often_as_it_likes(server: Server, app: Waiting) -> None:
    with connected(server) as client:
        client.sendall(get("/wait?pauses=50"))
        for number in range(50):
            until(lambda wanted=number: len(app.pauses) > wanted)
            app.wake()
        assert read_response(client)[2] == b"/wait"
        until(lambda: app.closed == ["/wait"])


def test_a_wake_that_comes_before_the_pause_is_not_lost(server: Server, app: Waiting) -> None:
    app.awake = True
    with connected(server) as client:
        for _ in range(20):
            client.sendall(get("/wait?pauses=20"))
            assert read_response(client)[2] == b"/wait"
    until(lambda: len(app.closed) == 20)


def test_waking_twice_or_late_does_no_harm(server: Server, app: Waiting) -> None:
    with connected(server) as client:
        client.sendall(get("/wait?pauses=2"))
        until(lambda: len(app.pauses) == 1)
        app.wake()
        until(lambda: len(app.pauses) == 2)
        first, second = app.pauses
        for _ in range(20):
            first.wake()
        client.sendall(get("/next"))
        assert app.closed == []
        second.wake()
        assert read_response(client)[2] == b"/wait"
        assert read_response(client)[2] == b"/next"
        first.wake()
        second.wake()
        client.sendall(get("/after"))
        assert read_response(client)[2] == b"/after"
    assert app.closed == ["/wait"]


def test_five_hundred_clients_wait_with_four_threads(app: Waiting) -> None:
    before = threading.active_count()
    with serving(app, threads=4) as server, selectors.DefaultSelector() as selector:
        clients = [connected(server) for _ in range(500)]
        for client in clients:
            client.sendall(get("/wait?pauses=2"))
            selector.register(client, selectors.EVENT_READ)
        until(lambda: len(app.pauses) == 500)
        assert threading.active_count() <= before + 5
        with connected(server) as other:
            other.sendall(get("/others"))
            assert read_response(other)[2] == b"/others"
        assert selector.select(0) == []
        app.wake()
        until(lambda: len(app.pauses) == 1_000)
        app.wake()
        for client in clients:
            assert read_response(client)[::2] == (200, b"/wait")
            client.close()
        assert len(app.threads) <= 4
        until(lambda: len(app.closed) == 500)


def test_a_client_that_leaves_during_a_pause_is_noticed(server: Server, app: Waiting) -> None:
    with connected(server) as client:
        client.sendall(get("/wait"))
        until(lambda: app.pauses)
    until(lambda: app.closed == ["/wait"], 5)
    until(lambda: not server.server.active_channels, 5)
    app.wake()
    with connected(server) as other:
        other.sendall(get("/others"))
        assert read_response(other)[2] == b"/others"
    assert app.closed == ["/wait"]


def test_a_client_that_leaves_with_requests_unanswered_is_noticed(server: Server, app: Waiting) -> None:
    with connected(server) as client:
        client.sendall(get("/wait"))
        until(lambda: app.pauses)
        client.sendall(get("/a") + get("/b"))
        until(lambda: [len(c.requests) for c in server.server.active_channels.values()] == [3])
        client.sendall(get("/c") * 100)
    until(lambda: app.closed == ["/wait"], 5)
    until(lambda: not server.server.active_channels, 5)


def test_clients_leave_while_their_pauses_are_woken(app: Waiting, caplog: pytest.LogCaptureFixture) -> None:
    with serving(app, threads=4) as server:
        for _ in range(10):
            clients = [connected(server) for _ in range(20)]
            wanted = len(app.pauses) + len(clients)
            for client in clients:
                client.sendall(get("/wait"))
            until(lambda wanted=wanted: len(app.pauses) == wanted)
            waker = threading.Thread(target=app.wake)
            waker.start()
            for client in clients:
                client.close()
            waker.join()
        until(lambda: len(app.closed) == 200)
        until(lambda: not server.server.active_channels)
    assert len(app.closed) == 200
    assert caplog.records == []


def test_requests_sent_at_once_are_answered_in_turn(server: Server, app: Waiting) -> None:
    app.awake = True
    with connected(server) as client:
        client.sendall(get("/one") + get("/wait/two") + get("/late/three") + get("/four") + get("/wait/five"))
        assert [read_response(client)[2] for _ in range(5)] == [
            b"/one",
            b"/wait/two",
            b"/late/three",
            b"/four",
            b"/wait/five",
        ]


def test_a_connection_is_kept_after_a_pause(server: Server, app: Waiting) -> None:
    with connected(server) as client:
        for number in range(3):
            client.sendall(get("/wait"))
            until(lambda wanted=number + 1: len(app.pauses) == wanted)
            app.wake()
            assert read_response(client)[2] == b"/wait"


def test_a_request_sent_during_a_pause_is_answered_after_it(server: Server, app: Waiting) -> None:
    with connected(server) as client:
        client.sendall(get("/wait"))
        until(lambda: app.pauses)
        client.sendall(get("/next", "Content-Length: 5", "Expect: 100-continue", method="POST"))
        app.wake()
        assert read_response(client)[2] == b"/wait"
        assert read_until(client, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"hello")
        assert read_response(client)[2] == b"/next"
    assert app.environs[1]["wsgi.input"].closed or app.environs[1]["CONTENT_LENGTH"] == "5"


def test_head_has_no_body_after_a_pause(server: Server, app: Waiting) -> None:
    app.awake = True
    with connected(server) as client:
        client.sendall(get("/wait", method="HEAD"))
        assert read_response(client, body=False)[1]["content-length"] == "5"
        client.sendall(get("/next"))
        assert read_response(client)[2] == b"/next"


def test_head_has_no_last_chunk() -> None:
    def stream(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        yield b"much"

    with serving(stream) as server, connected(server) as client:
        client.sendall(get("/", method="HEAD"))
        assert read_all(client).endswith(b"\r\n\r\n")


def test_what_was_written_before_a_pause_is_sent_at_once() -> None:
    pauses: list[Pause] = []

    def events(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        for number in range(3):
            yield f"data: {number}\n\n".encode()
            pauses.append(Pause())
            yield pauses[-1]

    with serving(events, threads=1) as server, connected(server) as client:
        client.sendall(get("/"))
        for number in range(3):
            assert f"data: {number}\n\n".encode() in read_until(client, b"\n\n\r\n")
            until(lambda wanted=number: len(pauses) > wanted)
            pauses[-1].wake()
        assert read_all(client) == b"0\r\n\r\n"


def test_a_failure_after_a_pause_is_a_problem(server: Server, app: Waiting) -> None:
    app.awake = True
    with connected(server) as client:
        client.sendall(get("/wait/broken"))
        found = problem(client)
        assert found["status"] == 500
        assert "LookupError" not in str(found)
        assert is_closed(client)
    assert app.closed == ["/wait/broken"]


def test_a_failure_after_the_first_bytes_ends_the_connection() -> None:
    def broken(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Length", "10")])
        yield b"12345"
        pause = Pause()
        pause.wake()
        yield pause
        raise LookupError

    with serving(broken) as server, connected(server) as client:
        client.sendall(get("/"))
        assert read_all(client).endswith(b"\r\n\r\n12345")


def test_a_list_may_hold_a_pause() -> None:
    def listed(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Length", "2")])
        pause = Pause()
        threading.Timer(0.05, pause.wake).start()
        return [b"a", pause, b"b"]

    with serving(listed) as server, connected(server) as client:
        client.sendall(get("/"))
        assert read_response(client)[2] == b"ab"


def test_a_list_of_one_has_its_length_told() -> None:
    def plain(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return [b"abc"]

    with serving(plain) as server, connected(server) as client:
        client.sendall(get("/"))
        assert read_response(client)[1]["content-length"] == "3"


def test_a_file_is_sent_by_the_servers_own_wrapper(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 300_000)

    def sending(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Length", "300000")])
        return environ["wsgi.file_wrapper"](path.open("rb"))

    with serving(sending) as server, connected(server) as client:
        for _ in range(2):
            client.sendall(get("/"))
            assert read_response(client)[2] == b"x" * 300_000


def test_closing_the_server_ends_those_that_wait(app: Waiting) -> None:
    with serving(app, threads=2) as server:
        clients = [connected(server) for _ in range(20)]
        for client in clients:
            client.sendall(get("/wait"))
        until(lambda: len(app.pauses) == 20)
        server.close(WAIT_S)
        assert len(app.closed) == 20
        for client in clients:
            assert is_closed(client)
            client.close()
        app.wake()
    assert len(app.closed) == 20


def test_closing_the_server_lets_a_request_end() -> None:
    entered, leave = threading.Event(), threading.Event()

    def slow(environ: Any, start_response: Any) -> Any:
        entered.set()
        leave.wait(WAIT_S)
        start_response("200 OK", [("Content-Length", "4")])
        return [b"done"]

    with serving(slow) as server, connected(server) as client:
        client.sendall(get("/"))
        assert entered.wait(WAIT_S)
        closing = threading.Thread(target=server.close, args=(WAIT_S,))
        closing.start()
        leave.set()
        assert read_response(client)[2] == b"done"
        closing.join(WAIT_S)
        assert not closing.is_alive()


def test_run_answers_in_the_thread_that_calls_it(app: Waiting) -> None:
    server = Server(app, "127.0.0.1:0")
    thread = threading.Thread(target=server.run)
    thread.start()
    with connected(server) as client:
        client.sendall(get("/here"))
        assert read_response(client)[2] == b"/here"
    server.close()
    thread.join(WAIT_S)
    assert not thread.is_alive()


def test_a_server_that_was_not_started_can_be_closed(app: Waiting) -> None:
    server = Server(app, "127.0.0.1:0")
    assert server.is_local
    server.close()
    with pytest.raises(ConnectionError):
        connected(server)


def test_without_such_a_server_a_pause_blocks() -> None:
    pause = Pause()
    assert not pause.wait(0)
    threading.Timer(0.05, pause.wake).start()
    assert pause.wait(WAIT_S)
    assert pause.wait(0)
