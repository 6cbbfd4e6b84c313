"""An application is run as PEP 3333 asks of a server, whatever it does, and its response is collected whole."""

import io
import json
import socket
import threading
from wsgiref.validate import validator

import pytest
from werkzeug.serving import make_server

from pubsubctl.exchange import METHODS, Request
from pubsubctl.worker.collected import ResponseTooLargeError
from pubsubctl.worker.wsgi import environ_for, run

OK = ("200 OK", [("Content-Type", "text/plain")])


def environ_of(method="GET", path="/", headers=(), body=b"", **keywords):
    environ = environ_for(Request.of(method, path, headers, body), job_id="j", attempt=2, **keywords)
    environ["wsgi.errors"] = io.StringIO()
    return environ


def answer(app, *request, max_bytes=1000, **keywords):
    return run(app, environ_of(*request, **keywords), max_bytes=max_bytes)


def failure_of(app):
    """What a failing application's response is, and what it left in wsgi.errors."""
    environ = environ_of()
    log = environ["wsgi.errors"]
    return run(app, environ, max_bytes=1000), log.getvalue()


class Body:
    """An iterable that knows whether it was closed, and fails where it is told to."""

    def __init__(self, *parts, error=None, close_error=None):
        self.parts, self.error, self.close_error, self.closed = parts, error, close_error, 0

    def __iter__(self):
        yield from self.parts
        if self.error:
            raise self.error

    def close(self):
        self.closed += 1
        if self.close_error:
            raise self.close_error


def answering(body):
    def app(environ, start_response):
        start_response(*OK)
        return body

    return app


# --- the response ---------------------------------------------------------------------------------------------------


def test_status_phrase_headers_and_body_are_kept_as_they_were_given():
    def app(environ, start_response):
        start_response("207 Multi Status", [("X-B", "2"), ("Set-Cookie", "a=1"), ("X-A", "1"), ("Set-Cookie", "b=2")])
        return [b"one", b"", b"two"]

    response = answer(app)
    assert (response.status, response.phrase, response.body) == (207, "Multi Status", b"onetwo")
    assert response.headers == (("X-B", "2"), ("Set-Cookie", "a=1"), ("X-A", "1"), ("Set-Cookie", "b=2"))


def test_a_status_may_have_no_phrase():
    def app(environ, start_response):
        start_response("204", [])
        return []

    assert (answer(app).status, answer(app).phrase) == (204, "")


def test_header_values_may_be_latin_1():
    def app(environ, start_response):
        start_response("200 Tr\xe8s bien", [("X-Name", "caf\xe9")])
        return []

    response = answer(app)
    assert response.headers == (("X-Name", "caf\xe9"),)
    assert response.phrase == "Tr\xe8s bien"


def test_a_generator_may_start_the_response_when_it_is_first_asked():
    def app(environ, start_response):
        start_response(*OK)
        yield b"a"
        yield b"b"

    assert answer(app).body == b"ab"


def test_what_is_written_comes_before_what_is_returned():
    def app(environ, start_response):
        write = start_response(*OK)
        write(b"written ")
        write(b"twice ")
        return [b"returned"]

    assert answer(app).body == b"written twice returned"


def test_the_headers_may_be_replaced_with_exc_info_while_nothing_was_sent():
    def app(environ, start_response):
        start_response(*OK)
        try:
            raise KeyError("x")
        except KeyError as error:
            start_response("404 Not Found", [("X", "y")], (type(error), error, error.__traceback__))
        return [b"no"]

    response = answer(app)
    assert (response.status, response.headers, response.body) == (404, (("X", "y"),), b"no")


def test_headers_given_are_those_kept_whatever_becomes_of_the_list():
    def app(environ, start_response):
        headers = [("X", "1")]
        start_response("200 OK", headers)
        headers.append(("Y", "2"))
        return []

    assert answer(app).headers == (("X", "1"),)


# --- applications that fail -----------------------------------------------------------------------------------------


def late_exc_info(environ, start_response):
    write = start_response(*OK)
    write(b"sent")
    try:
        raise KeyError("too late")
    except KeyError as error:
        start_response("500 X", [], (type(error), error, error.__traceback__))
    return [b"never"]


def started_twice(environ, start_response):
    start_response(*OK)
    start_response(*OK)
    return []


def never_started(environ, start_response):
    return []


def body_before_start(environ, start_response):
    return [b"x"]


def exits(environ, start_response):
    raise SystemExit(3)


def returns_nothing(environ, start_response):
    start_response(*OK)


def with_status(status):
    def app(environ, start_response):
        start_response(status, [])
        return []

    return app


def with_header(name, value):
    def app(environ, start_response):
        start_response("200 OK", [(name, value)])
        return []

    return app


@pytest.mark.parametrize(
    ("app", "why"),
    [
        (late_exc_info, "KeyError: 'too late'"),
        (started_twice, "a second time without exc_info"),
        (never_started, "never called start_response"),
        (body_before_start, "a body before start_response"),
        (exits, "SystemExit: 3"),
        (returns_nothing, "'NoneType' object is not iterable"),
        (answering(Body(b"some", error=ValueError("in the middle"))), "ValueError: in the middle"),
        (answering(["text"]), "made of bytes, not of str"),
        (answering([b"a", None]), "made of bytes, not of NoneType"),
        (answering(b"ab"), "made of bytes, not of int"),
        (with_status("OK"), "the status 'OK' is not one"),
        (with_status("200OK"), "the status '200OK' is not one"),
        (with_status("99 Low"), "the status '99 Low' is not one"),
        (with_status("200 OK\r\nX: y"), "is not one"),
        (with_status("200 \u20ac"), "is not one"),
        (with_header("X", "a\r\nY: b"), "cannot be sent"),
        (with_header("X", "\u20ac"), "cannot be sent"),
        (with_header("X Y", "a"), "cannot be sent"),
        (with_header("X", 1), "TypeError"),
    ],
)
def test_an_application_that_fails_has_answered_500_and_its_traceback_is_in_the_log(app, why):
    response, log = failure_of(app)
    assert (response.status, response.phrase) == (500, "Internal Server Error")
    assert response.body == b"Internal Server Error"
    assert why in log
    assert log.startswith("Traceback")


def test_the_log_of_a_failure_has_the_applications_own_line():
    _, log = failure_of(exits)
    assert "raise SystemExit(3)" in log
    assert __file__ in log


def test_a_failure_is_told_even_if_the_application_has_emptied_its_environ():
    def app(environ, start_response):
        environ.clear()
        raise LookupError("where")

    response, log = failure_of(app)
    assert response.status == 500
    assert "LookupError: where" in log


# --- close() --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [None, ValueError("x"), SystemExit(1), GeneratorExit()])
def test_the_body_is_closed_once_however_it_ends(error):
    body = Body(b"a", error=error)
    assert answer(answering(body)).status == (500 if error else 200)
    assert body.closed == 1


def test_the_body_is_closed_when_it_is_too_large():
    body = Body(b"x" * 1001)
    with pytest.raises(ResponseTooLargeError):
        answer(answering(body))
    assert body.closed == 1


def test_the_body_is_closed_when_the_response_was_never_started():
    body = Body()
    assert answer(lambda environ, start_response: body).status == 500
    assert body.closed == 1


def test_a_close_that_fails_comes_too_late_to_change_the_answer_and_is_told():
    response, log = failure_of(answering(Body(b"whole", close_error=OSError("disk"))))
    assert (response.status, response.body) == (200, b"whole")
    assert "OSError: disk" in log


def test_a_close_that_fails_does_not_hide_why_the_body_failed():
    response, log = failure_of(answering(Body(error=ValueError("first"), close_error=OSError("second"))))
    assert response.status == 500
    assert "ValueError: first" in log
    assert "OSError: second" in log


# --- the limit ------------------------------------------------------------------------------------------------------


def test_a_body_of_exactly_the_limit_is_kept():
    assert len(answer(answering([b"x" * 600, b"y" * 400])).body) == 1000


@pytest.mark.parametrize("parts", [[b"x" * 1001], [b"x"] * 1001, [b"", b"x" * 1000, b"", b"y"]])
def test_one_byte_more_than_the_limit_is_refused(parts):
    with pytest.raises(ResponseTooLargeError):
        answer(answering(parts))


def test_a_body_without_end_is_given_up_at_the_limit():
    def app(environ, start_response):
        start_response(*OK)
        while True:
            yield b"x" * 100

    with pytest.raises(ResponseTooLargeError):
        answer(app)


def test_what_is_written_counts_and_catching_the_refusal_does_not_help():
    def app(environ, start_response):
        write = start_response(*OK)
        try:
            write(b"x" * 2000)
        except Exception:  # noqa: BLE001 - as frameworks do
            write(b"short")
        return [b"short"]

    with pytest.raises(ResponseTooLargeError):
        answer(app)


def test_an_application_that_raises_something_else_over_the_refusal_has_still_answered_too_much():
    def app(environ, start_response):
        write = start_response(*OK)
        try:
            write(b"x" * 2000)
        except Exception as error:
            raise KeyError from error
        return []

    with pytest.raises(ResponseTooLargeError):
        answer(app)


# --- the environ ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.filterwarnings("error")
def test_the_validator_of_the_standard_library_finds_no_fault(method):
    def app(environ, start_response):
        environ["wsgi.input"].read(3)
        environ["wsgi.errors"].write("a line\n")
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
        return [b"ab"]

    body = b"12345" if method in {"POST", "PUT", "PATCH"} else b""
    environ = environ_of(
        method, "/a%2Fb/é//c?q=ü", [("Content_Type", "x"), ("Content_Length", "9"), ("Host", ":80"), ("X", "")], body
    )
    assert run(validator(app), environ, max_bytes=100).status == 200, environ["wsgi.errors"].getvalue()


@pytest.mark.filterwarnings("error")
def test_the_validator_finds_no_fault_with_generators_and_write():
    def app(environ, start_response):
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        write(b"a")
        return (part for part in (b"b", b"c"))

    environ = environ_of("POST", "/", [("Content-Type", "text/plain")], b"x")
    assert run(validator(app), environ, max_bytes=100).body == b"abc", environ["wsgi.errors"].getvalue()


def test_the_job_is_in_the_environ():
    environ = environ_of(threads=4)
    assert (environ["pubsubctl.job_id"], environ["pubsubctl.attempt"]) == ("j", 2)
    assert (environ["wsgi.multithread"], environ["wsgi.multiprocess"], environ["wsgi.run_once"]) == (True, True, False)
    assert environ_of(threads=1)["wsgi.multithread"] is False


@pytest.mark.parametrize(
    ("path", "path_info", "query"),
    [
        ("/", b"/", b""),
        ("/a%20b+c", b"/a b+c", b""),
        ("/%E6%97%A5/é", "/日/é".encode(), b""),
        ("/%ff%00%0A", b"/\xff\x00\n", b""),
        ("/a%2Fb//c/../d;e=1", b"/a/b//c/../d;e=1", b""),
        ("//host/x", b"//host/x", b""),
        ("/100%", b"/100%", b""),
        ("/a?b?c=%C3%A9&ü", b"/a", "b?c=%C3%A9&ü".encode()),
        ("/?", b"/", b""),
    ],
)
def test_path_and_query_are_bytes_as_the_standard_wants_them(path, path_info, query):
    environ = environ_of("GET", path)
    assert environ["PATH_INFO"].encode("latin-1") == path_info
    assert environ["QUERY_STRING"].encode("latin-1") == query
    assert environ["REQUEST_URI"].encode("latin-1") == environ["RAW_URI"].encode("latin-1") == path.encode()


@pytest.mark.parametrize(
    ("method", "body", "length"),
    [("POST", b"", "0"), ("PUT", b"", "0"), ("GET", b"", None), ("DELETE", b"", None), ("GET", b"ab", "2")],
)
def test_the_length_of_the_body_is_said_where_a_user_agent_says_it(method, body, length):
    environ = environ_of(method, "/", (), body)
    assert environ.get("CONTENT_LENGTH") == length
    assert environ["wsgi.input"].read() == body


@pytest.mark.parametrize(
    ("host", "name", "port"),
    [
        (None, "localhost", "80"),
        ("example.test", "example.test", "80"),
        ("example.test:8080", "example.test", "8080"),
        ("example.test:", "example.test", "80"),
        ("[::1]", "[::1]", "80"),
        ("[::1]:81", "[::1]", "81"),
        (":82", "localhost", "82"),
    ],
)
def test_the_host_header_names_the_server(host, name, port):
    environ = environ_of("GET", "/", [("Host", host)] if host else [])
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == (name, port)
    assert environ["HTTP_HOST"] == (host or "localhost")


def test_a_header_with_an_underscore_cannot_pass_for_what_describes_the_body():
    environ = environ_of("POST", "/", [("Content_Length", "999"), ("content_type", "text/evil"), ("X_Y", "z")], b"ab")
    assert environ["CONTENT_LENGTH"] == "2"
    assert not {"CONTENT_TYPE", "HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"} & set(environ)
    assert environ["HTTP_X_Y"] == "z"


def test_names_that_are_one_in_the_environ_are_combined():
    assert environ_of("GET", "/", [("X-A", "1"), ("x-a", "2"), ("X_A", "3")])["HTTP_X_A"] == "1, 2, 3"


# --- against a server -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def served_environ():
    """What an HTTP server of werkzeug's makes of the bytes of a request: the strings of its environ."""

    def app(environ, start_response):
        start_response("200 OK", [])
        return [json.dumps({key: value for key, value in environ.items() if isinstance(value, str)}).encode()]

    server = make_server("127.0.0.1", 0, app)
    server.RequestHandlerClass.log_request = lambda *_: None  # it would print a line for each
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def ask(request: bytes):
        with socket.create_connection(server.server_address) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            received = b"".join(iter(lambda: connection.recv(65536), b""))
        return json.loads(received.partition(b"\r\n\r\n")[2])

    yield ask
    server.shutdown()
    thread.join()
    server.server_close()


# Who the server is and who asked, and the field that it dropped when it had obeyed it.
OF_THE_CONNECTION = {
    "REMOTE_ADDR",
    "REMOTE_PORT",
    "SERVER_NAME",
    "SERVER_PORT",
    "SERVER_SOFTWARE",
    "HTTP_CONNECTION",
    "pubsubctl.job_id",
}


@pytest.mark.parametrize(
    ("method", "path", "headers", "body"),
    [
        ("GET", "/", [], b""),
        ("GET", "/a%20b/%C3%A9%2F/;p=1?x=1&y=%FF", [("Accept", "*/*"), ("X-Empty", ""), ("Cookie", "a=1; b=2")], b""),
        ("GET", "/two//slashes/", [("Host", "example.test:81")], b""),
        ("POST", "/p?", [("Content-Type", "application/json")], b'{"a": 1}'),
        ("PUT", "/p", [], b""),
        ("GET", "/h", [("User-Agent", "x/1 (caf\xe9)")], b""),
        ("DELETE", "/d", [("Authorization", "Bearer " + "t" * 3000)], b""),
        ("OPTIONS", "/o", [("Origin", "http://x.test")], b""),
        ("PATCH", "/p", [("Content-Type", "text/plain; charset=x"), ("If-Match", '"a", "b"')], b"\x00\xff"),
    ],
)
def test_the_environ_is_the_one_that_a_server_makes_of_the_same_request(method, path, headers, body, served_environ):
    sent = [*headers, ("Connection", "close")]
    if body or method in {"POST", "PUT", "PATCH"}:
        sent.append(("Content-Length", str(len(body))))
    if not any(name == "Host" for name, _ in headers):
        sent.append(("Host", "localhost"))
    lines = "".join(f"{name}: {value}\r\n" for name, value in sent)
    request = f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + body
    ours = {key: value for key, value in environ_of(method, path, headers, body).items() if isinstance(value, str)}
    theirs = served_environ(request)
    for key in OF_THE_CONNECTION:
        ours.pop(key, None)
        theirs.pop(key, None)
    assert ours == theirs
