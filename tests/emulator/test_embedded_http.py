"""HTTP, as the REST API is asked over it: heads, bodies, connections, and who may ask."""

import contextlib
import gzip
import socket
import threading

import pytest
from pubsub_kit import Broker
from rest_kit import Rest, ask, ask_over, connection, decoded, dial, encoded, read_until

from pubsubctl.emulator.embedded.rest.connection import BODY_SIZE
from pubsubctl.emulator.embedded.rest.guard import Guard
from pubsubctl.emulator.embedded.rest.messages import Request
from pubsubctl.emulator.embedded.status import Refusal


def test_the_root_says_ok(rest: Rest) -> None:
    answer = rest("GET", "/")
    assert (answer.status, answer.content) == (200, b"Ok\n")


def test_head_is_get_without_the_body(rest: Rest) -> None:
    rest("PUT", "topics/head", {})
    got, headed = rest("GET", "topics/head"), rest("HEAD", "topics/head")
    assert (headed.status, headed.content) == (200, b"")
    assert headed.headers["content-length"] == str(len(got.content))


def test_options_tells_the_methods_and_grants_web_pages_nothing(rest: Rest) -> None:
    answer = rest("OPTIONS", "topics/any", Origin="http://example.com")
    assert (answer.status, answer.headers["allow"]) == (200, "DELETE, GET, PATCH, PUT, OPTIONS")
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_connection_serves_many_requests(rest: Rest) -> None:
    with connection(rest.address) as made:
        for number in range(5):
            assert ask_over(made, "PUT", rest.target(f"topics/many-{number}"), {}).status == 200
            assert ask_over(made, "GET", rest.target("topics/none")).status == 404


def test_requests_that_are_sent_ahead_are_answered_in_turn(rest: Rest) -> None:
    with dial(rest.address) as sock:
        first = f"PUT {rest.target('topics/ahead')} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
        second = f"GET {rest.target('topics/ahead')} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        sock.sendall((first + second).encode())
        content = read_until(sock, b"never")
    assert content.count(b"HTTP/1.1 200 OK") == 2
    assert content.count(b"/topics/ahead") == 2


def test_a_request_may_come_in_pieces(rest: Rest) -> None:
    with dial(rest.address) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        content = f'PUT {rest.target("topics/pieces")} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{{"name":""}}'
        for byte in content.replace("10", "11").encode():
            sock.sendall(bytes([byte]))
        assert b"200 OK" in read_until(sock, b"\r\n\r\n")


def test_http_1_0_is_answered(rest: Rest) -> None:
    with dial(rest.address) as sock:
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert read_until(sock, b"never").endswith(b"Ok\n")


def test_a_body_may_be_chunked(rest: Rest) -> None:
    with connection(rest.address) as made:
        made.request("PUT", rest.target("topics/chunked"), iter([b'{"labels"', b':{"a":"b"}}']))
        assert b'"a": "b"' in made.getresponse().read()


def test_a_body_may_be_compressed(rest: Rest) -> None:
    content = gzip.compress(b'{"labels":{"a":"b"}}')
    assert rest("PUT", "topics/small", content, Content_Encoding="gzip").json["labels"] == {"a": "b"}
    assert rest("PUT", "topics/bad", b"no gzip", Content_Encoding="gzip").status == 400
    assert rest("PUT", "topics/other", content, Content_Encoding="br").status == 415


def test_a_client_that_asks_is_told_to_go_on(rest: Rest) -> None:
    with dial(rest.address) as sock:
        head = f"PUT {rest.target('topics/expected')} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
        sock.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert read_until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 100")
        sock.sendall(b"{}")
        assert b"200 OK" in read_until(sock, b"\r\n\r\n")


def test_an_upgrade_to_another_protocol_is_not_taken(rest: Rest) -> None:
    """As Java's client offers it with its first request."""
    answer = rest("GET", "/", Connection="Upgrade, HTTP2-Settings", Upgrade="h2c", HTTP2_Settings="AAMAAABkAAQA")
    assert (answer.status, answer.content) == (200, b"Ok\n")


def test_ten_megabytes_go_through(rest: Rest) -> None:
    id_ = rest.subscription()
    topic = rest("GET", id_).json["topic"]
    data = bytes(range(256)) * 38_000
    assert rest("POST", f"/v1/{topic}:publish", {"messages": [{"data": encoded(data)}]}).status == 200
    [received] = rest("POST", f"{id_}:pull", {"maxMessages": 1}).json["receivedMessages"]
    assert decoded(received["message"]["data"]) == data


def test_a_body_that_is_too_large_is_refused_before_it_is_read(rest: Rest) -> None:
    with dial(rest.address) as sock:
        sock.sendall(f"PUT /v1 HTTP/1.1\r\nHost: x\r\nContent-Length: {BODY_SIZE + 1}\r\n\r\n".encode())
        assert read_until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("compressed", [False, True])
def test_a_body_that_grows_too_large_is_refused(rest: Rest, compressed: bool) -> None:
    portion = b" " * 2**20
    portions = [portion] * (BODY_SIZE // len(portion) + 2)
    headers = {"Content-Encoding": "gzip"} if compressed else {}
    content = iter([gzip.compress(b"".join(portions))] if compressed else portions)
    with connection(rest.address) as made:
        made.request("PUT", rest.target("topics/large"), content, headers)
        assert made.getresponse().status == 413


def test_a_head_that_is_too_large_is_refused(rest: Rest) -> None:
    assert rest("GET", "/", X_Large="x" * 1_000_000).status == 431


@pytest.mark.parametrize("content", [b"what is this\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\r\n"])
def test_what_is_no_http_is_told_so(rest: Rest, content: bytes) -> None:
    with dial(rest.address) as sock:
        sock.sendall(content)
        assert read_until(sock, b"never").startswith(b"HTTP/1.1 400")


def test_what_a_half_closed_client_asked_for_is_answered(embedded: Broker) -> None:
    path = f"/v1/{embedded.name('topics')}"
    with dial(embedded.address) as client:
        client.sendall(f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{{}}".encode())
        client.shutdown(socket.SHUT_WR)
        assert read_until(client, b"\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_a_client_that_sends_ahead_holds_up_nobody(embedded: Broker) -> None:
    with dial(embedded.address) as greedy:
        greedy.settimeout(None)
        sending = threading.Thread(target=lambda: greedy.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 5_000))
        sending.start()
        assert read_until(greedy, b"Ok\n")
        assert ask(embedded.address, "GET", "/").status == 200
        answered = greedy.recv(10_000_000).count(b"HTTP/1.1 200")
        assert answered < 5_000
        greedy.shutdown(socket.SHUT_RDWR)
        sending.join()


# Who may ask


def test_a_web_page_changes_nothing(rest: Rest) -> None:
    rest("PUT", "topics/kept", {})
    status, code, _ = rest("DELETE", "topics/kept", Origin="http://example.com").error
    assert (status, code) == (403, "PERMISSION_DENIED")
    assert rest("GET", "topics/kept", Origin="http://example.com").status == 200


@pytest.mark.parametrize(
    ("listening", "host", "passes"),
    [
        ("127.0.0.1", "127.0.0.1:8085", True),
        ("127.0.0.1", "localhost:8085", True),
        ("127.0.0.1", "LOCALHOST", True),
        ("127.0.0.1", "[::1]:8085", True),
        ("127.0.0.1", "192.168.1.2:8085", True),
        ("127.0.0.1", "emulator:8085", True),
        ("127.0.0.1", "host.docker.internal:8085", True),
        ("127.0.0.1", "", True),
        ("127.0.0.1", "attacker.example:8085", False),
        ("127.0.0.1", "127.0.0.1.attacker.example:8085", False),
        ("[::1]", "attacker.example:8085", False),
        ("localhost", "attacker.example.:8085", False),
        ("0.0.0.0", "emulator.example:8085", True),
        ("192.168.1.2", "emulator.example", True),
        ("", "emulator.example", True),
    ],
)
def test_a_host_name_that_anybody_could_have_made_up_is_refused(listening: str, host: str, passes: bool) -> None:
    request = Request("GET", "/", {"host": host} if host else {})
    with contextlib.nullcontext() if passes else pytest.raises(Refusal, match=r"attacker\.example"):
        Guard(listening).check(request)
