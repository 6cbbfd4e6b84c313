"""The health server: what it answers, and what its clients cannot do to it."""

import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from probing import ask, connect
from project import wait_for

from pubsubctl.errors import PubsubctlError, StoreUnreachable
from pubsubctl.exchange import Request
from pubsubctl.job import Job, NewJob
from pubsubctl.store.claims import WorkerInfo
from pubsubctl.store.opening import open_store
from pubsubctl.worker import lookout
from pubsubctl.worker.condition import Condition, Pulse, View, holds, lately, lives, troubles, unstuck
from pubsubctl.worker.health import Server
from pubsubctl.worker.meters import Meters

WELL = View(
    worker="host-1",
    app="testapp:app",
    slots=4,
    meters=Meters(),
    busy=lambda: 2,
    held=lambda: 7,
    draining=lambda: False,
    alive=(),
    ready=(),
    job=lambda _: None,
    backlog=lambda: 0,
)


@contextmanager
def serving(host_port: str = "127.0.0.1:0", **changes: object) -> Iterator[str]:
    server = Server(replace(WELL, **changes), host_port)  # type: ignore[arg-type]
    server.start()
    try:
        yield server.address
    finally:
        server.close()


def failing(name: str) -> Condition:
    return Condition(name, lambda: f"the {name} is gone")


def test_a_worker_whose_parts_work_is_alive_and_ready():
    with serving(alive=(holds("pool", lambda: True, otherwise="dead"),)) as address:
        for path in ("/healthz", "/readyz"):
            answer = ask(address, path)
            assert (answer.status, answer.json()) == (200, {"status": "ok"})
            assert answer.headers["cache-control"] == "no-store"


def test_what_is_not_alive_says_why_and_is_not_ready_either():
    with serving(alive=(failing("keeper"),), ready=(failing("store"),)) as address:
        answer = ask(address, "/healthz")
        assert (answer.status, answer.json()["reasons"]) == (503, {"keeper": "the keeper is gone"})
        assert ask(address, "/readyz").json()["reasons"].keys() == {"keeper", "store"}


def test_what_only_waits_is_alive():
    with serving(ready=(failing("store"),)) as address:
        assert ask(address, "/healthz").status == 200
        answer = ask(address, "/readyz")
        assert (answer.status, answer.json()["reasons"]) == (503, {"store": "the store is gone"})


def test_what_drains_is_alive_whatever_has_ended_and_not_ready():
    with serving(draining=lambda: True, alive=(failing("keeper"),)) as address:
        assert ask(address, "/healthz").status == 200
        assert ask(address, "/readyz").json()["reasons"] == {"worker": "it drains, and takes no more jobs"}


def test_a_condition_that_fails_itself_is_no_sign_of_health(caplog):
    with serving(alive=(Condition("pool", lambda: str(1 // 0)),)) as address:
        answer = ask(address, "/healthz")
        assert (answer.status, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "ZeroDivisionError" in caplog.text


def test_the_index_says_where_everything_is():
    with serving() as address:
        answer = ask(address, "/").json()
    assert answer["worker"] == "host-1"
    assert "/metrics" in answer["paths"]


def test_a_job_is_shown_as_status_shows_it(tmp_path: Path):
    with open_store(str(tmp_path / "jobs.db")) as store:
        store.add([NewJob("job-1", Request.of("GET", "/noop"), "topic")])
        with serving(job=lambda job_id: store.get([job_id])[0]) as address:
            answer = ask(address, "/jobs/job-1")
            (job,) = store.get(["job-1"])
            assert job is not None
            assert (answer.status, answer.json()) == (200, job.document())
            missing = ask(address, "/jobs/nobody")
    assert (missing.status, missing.headers["content-type"]) == (404, "application/problem+json")
    assert missing.json()["detail"] == "no job 'nobody' in the worker's store"


@pytest.mark.parametrize("job_id", ["%00", "a%20b", "x" * 65, "%F0%9F%98%80", "..%2F..%2Fetc"])
def test_what_is_no_job_id_is_not_found(job_id):
    with serving() as address:
        assert ask(address, f"/jobs/{job_id}").status == 404


def away(_: str) -> Job | None:
    raise StoreUnreachable("the store is away")


def test_with_the_store_away_a_job_is_not_to_be_had_now():
    with serving(job=away) as address:
        answer = ask(address, "/jobs/job-1")
    assert (answer.status, answer.json()["detail"]) == (503, "the store is away")


def test_a_store_that_does_not_answer_holds_up_no_probe():
    let_go, waiting = threading.Event(), threading.Semaphore(0)

    def slow(_: str) -> Job | None:
        waiting.release()
        let_go.wait(30)
        return None

    with serving(job=slow) as address:
        asking = [threading.Thread(target=ask, args=(address, "/jobs/a"), daemon=True) for _ in range(2)]
        for thread in asking:
            thread.start()
        for _ in asking:
            assert waiting.acquire(timeout=10)
        assert ask(address, "/jobs/a").status == 503
        assert ask(address, "/healthz").status == 200
        let_go.set()
        for thread in asking:
            thread.join(10)


def test_head_is_a_get_without_its_body():
    with serving() as address:
        answer = ask(address, "/healthz", "HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["content-length"]) > 0


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "NONSENSE"])
@pytest.mark.parametrize("path", ["/healthz", "/jobs/a", "/metrics"])
def test_nothing_can_be_changed(method, path):
    with serving() as address:
        answer = ask(address, path, method)
    assert answer.status == 405
    assert "GET" in answer.headers["allow"]
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_unknown_path_is_a_problem_document():
    with serving() as address:
        answer = ask(address, "/nothing")
    assert (answer.status, answer.json()["title"]) == (404, "Not Found")


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # the beginning of TLS
        b"\x00" * 70_000,
        b"GET /healthz HTTP/9.9\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nX: " + b"a" * 40_000 + b"\r\n\r\n",
        b"POST /healthz HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST /healthz HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /healthz HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET \xff\xfe HTTP/1.1\r\nHost: \xff\r\n\r\n",
        b"\r\n\r\n\r\n",
    ],
)
def test_garbage_is_refused_and_harms_nobody(sent, caplog):
    with serving() as address:
        with connect(address) as client, suppress(OSError):
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
            while client.recv(65536):
                pass
        assert ask(address, "/healthz").status == 200
    assert "Traceback" not in caplog.text


@pytest.fixture
def many_files() -> Iterator[None]:
    """Room for as many open files as a thousand clients are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard != resource.RLIM_INFINITY else 4096, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


@pytest.mark.usefixtures("many_files")
def test_a_thousand_slow_clients_are_in_nobody_s_way():
    before = open_files()
    threads = threading.active_count()
    clients = []
    with serving() as address:
        for number in range(1000):
            client = connect(address)
            clients.append(client)
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ")
            if number % 100 == 0:
                assert ask(address, "/healthz").status == 200
        began = time.monotonic()
        assert ask(address, "/healthz").status == 200
        assert time.monotonic() - began < 5
        assert open_files() - before < 1000 + 100
        assert threading.active_count() - threads <= 6
        for client in clients:
            client.close()


def test_a_client_that_trickles_is_cut_off(monkeypatch):
    monkeypatch.setattr("pubsubctl.worker.listener._LONGEST_S", 1.0)
    with serving() as address, connect(address) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\n")

        def cut_off() -> bool:
            try:
                client.sendall(b"X")
                client.settimeout(0.1)
                return client.recv(1) == b""
            except TimeoutError:
                return False
            except OSError:
                return True

        wait_for(cut_off, what="it is cut off, though it goes on sending")


def test_a_connection_carries_one_request():
    with serving() as address, connect(address) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
        answer = b""
        while more := client.recv(65536):
            answer += more
    assert b"Connection: close" in answer


@pytest.mark.parametrize(
    ("host_port", "told"), [("127.0.0.1:0", False), ("[::1]:0", False), ("0.0.0.0:0", True), ("[::]:0", True)]
)
def test_an_address_that_others_can_reach_is_told_in_the_log(caplog, host_port, told):
    with serving(host_port):
        pass
    assert ("nobody is asked who he is" in caplog.text) == told


def test_a_store_that_lets_writes_wait_makes_a_worker_unready_and_not_dead(tmp_path):
    keeper, since = Pulse(), time.monotonic() - 11
    keeper.at = time.monotonic() - 12
    with open_store(str(tmp_path / "jobs.db")) as store:
        seen = lookout.Parts(
            loaded=lambda: True,
            draining=lambda: False,
            busy=lambda: 0,
            held=lambda: 0,
            stream_trouble=lambda: None,
            store_trouble=lambda: None,
            writing_since=lambda: since,
            keeper=keeper,
        )
        view = lookout.view_of(WorkerInfo("w", "host", 1, "app", "sub", 1), store, "topic", Meters(), seen)
        assert troubles(view.alive) == {}
        assert troubles(view.ready).keys() == {"keeper", "recorder"}


def test_the_backlog_is_what_waits_or_runs_of_its_topic_and_not_what_is_put_off(tmp_path):
    request = Request.of("GET", "/noop")
    with open_store(str(tmp_path / "jobs.db")) as store:
        store.add([NewJob(f"job-{number}", request, "topic") for number in range(5)])
        store.add([NewJob("later", request, "topic", delay_s=3600.0), NewJob("other", request, "another-topic")])
        store.cancel(["job-4"])
        with serving(backlog=lambda: store.pending("topic", within_s=60.0)) as address:
            answer = ask(address, "/backlog")
    assert (answer.status, answer.json()) == (200, {"backlog": 4})


def test_with_the_store_away_there_is_no_backlog_rather_than_none():
    def gone() -> int:
        raise StoreUnreachable("the store is away")

    with serving(backlog=gone) as address:
        answer = ask(address, "/backlog")
    assert (answer.status, answer.json()["detail"]) == (503, "the store is away")


def test_an_address_in_use_is_one_clear_line():
    with serving() as address, pytest.raises(PubsubctlError, match="nothing can listen at") as refused:
        Server(WELL, address)
    assert "Address already in use" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("host_port", ["no.such.host.invalid:80", "203.0.113.1:0", "a" * 70 + ":80"])
def test_an_address_that_is_not_ours_is_one_clear_line(host_port):
    with pytest.raises(PubsubctlError, match="nothing can listen at"):
        Server(WELL, host_port)


def test_it_listens_on_ipv6_too():
    with serving("[::1]:0") as address:
        assert address.startswith("[::1]:")
        host, _, port = address.rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port)), timeout=10) as client:
            client.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.0 200")


def test_a_server_that_has_ended_has_let_go_of_everything():
    threads = threading.active_count()
    with serving() as address:
        assert ask(address, "/healthz").status == 200
    wait_for(lambda: threading.active_count() == threads, what="its threads have ended")
    with serving(address) as again:
        assert again == address


def test_a_server_that_never_began_can_be_ended():
    threads = threading.active_count()
    server = Server(WELL, "127.0.0.1:0")
    server.close()
    server.close()
    wait_for(lambda: threading.active_count() == threads, what="its threads have ended")
    with pytest.raises(OSError, match="refused"):
        connect(server.address)


# --- conditions -------------------------------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_part_that_does_its_rounds_no_more_is_in_trouble():
    clock, last = Clock(), [None]
    condition = lately("keeper", lambda: last[0], most_s=60, clock=clock)
    assert condition.trouble() is None  # it has not begun
    last[0] = 1000.0
    clock.now += 60
    assert condition.trouble() is None
    clock.now += 1
    assert condition.trouble() == "the keeper has done nothing for 61 s"


def test_a_part_that_is_at_one_thing_for_too_long_is_in_trouble():
    clock, since = Clock(), [1000.0]
    condition = unstuck("recorder", lambda: since[0], most_s=120, clock=clock)
    clock.now += 121
    assert condition.trouble() == "the recorder has been at one thing for 121 s"
    since[0] = None
    assert condition.trouble() is None


def test_a_thread_must_live_once_it_was_seen():
    let_go = threading.Event()
    thread = threading.Thread(target=let_go.wait, args=(30,), name="a-part", daemon=True)
    condition = lives("a-part")
    assert troubles([condition]) == {}
    thread.start()
    assert troubles([condition]) == {}
    let_go.set()
    thread.join()
    assert troubles([condition]) == {"a-part": "the a-part thread has ended"}


def test_a_pulse_beats_after_each_time():
    pulse = Pulse()
    done: list[float | None] = []
    beat: Callable[[], None] = pulse.around(lambda: done.append(pulse.at))
    assert pulse.at is None
    beat()
    assert done == [None]
    assert pulse.at is not None
