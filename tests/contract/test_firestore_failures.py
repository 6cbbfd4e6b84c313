import os
import secrets
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import firestore_emulator
import grpc
import pytest
from backends import FirestoreBackend
from calls import CALLS, raised
from given import a_job, added, an_outcome, running, the_job
from google.api_core.exceptions import GoogleAPICallError, PermissionDenied
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, RefreshError
from test_sqlite_failures import classes

from pubsubctl.errors import InvalidSetting, PubsubctlError, StoreError, StoreUnreachable
from pubsubctl.exchange import Response
from pubsubctl.job import JobState
from pubsubctl.store.firestore.failures import failure, translated
from pubsubctl.store.firestore.grouping import Calls
from pubsubctl.store.firestore.layout import IDENTITY
from pubsubctl.store.firestore.opening import place_of
from pubsubctl.store.firestore.service import Place, Service, Write
from pubsubctl.store.firestore.store import FirestoreStore
from pubsubctl.store.opening import open_store

PLACE = Place("project-1", "(default)")


class Refusing(grpc.GenericRpcHandler):
    """Answers every call of whatever service with one status, or never."""

    def __init__(self, code: grpc.StatusCode | None) -> None:
        self._code = code

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        def answer(_: bytes, context: grpc.ServicerContext) -> bytes:
            if self._code is not None:
                context.abort(self._code, "as it\nwas told")
            time.sleep(2)
            return b""

        def answers(asked: bytes, context: grpc.ServicerContext):
            yield answer(asked, context)

        def listen(_: object, context: grpc.ServicerContext):
            yield answer(b"", context)

        kind = details.method.rpartition("/")[2]
        if kind == "Commit":
            return grpc.unary_unary_rpc_method_handler(answer)
        return (
            grpc.stream_stream_rpc_method_handler(listen)
            if kind == "Listen"
            else (grpc.unary_stream_rpc_method_handler(answers))
        )


class Elsewhere(FirestoreStore):
    """A store whose server does not answer as it should, not even when it is opened."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._store_id = "0"
        self._calls = Calls(service, time.time)


@pytest.fixture
def refusing(request):
    """A store whose server refuses with the code that the test names."""
    server = grpc.server(ThreadPoolExecutor(4), handlers=[Refusing(request.param)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.enable_http_proxy", 0)])
    store = Elsewhere(Service(PLACE, channel, call_s=0.4 if request.param is None else 30.0))
    yield store
    store.close()
    server.stop(0).wait()


@pytest.fixture(scope="module")
def dead():
    """A store whose emulator was killed, with a job that runs."""
    before = os.environ.get(firestore_emulator.VARIABLE)
    emulator = firestore_emulator.Emulator()
    os.environ[firestore_emulator.VARIABLE] = emulator.address
    store = open_store("firestore://dead-1")
    running(store)
    emulator.kill()
    yield store
    store.close()
    os.environ.pop(firestore_emulator.VARIABLE)
    if before is not None:
        os.environ[firestore_emulator.VARIABLE] = before


@pytest.fixture
def backend(tmp_path):
    made = FirestoreBackend(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("call", [*CALLS, "watch"])
def test_every_call_says_that_an_emulator_is_gone(dead, call):
    error = raised({**CALLS, "watch": lambda store: store.watch()}[call], dead)
    assert isinstance(error, StoreUnreachable)
    assert "firestore://dead-1/(default)" in str(error)
    assert "\n" not in str(error)


REFUSALS = {
    # These may pass: a token may run out while nobody can be asked for another.
    grpc.StatusCode.PERMISSION_DENIED: (StoreUnreachable, "roles/datastore.user"),
    grpc.StatusCode.UNAUTHENTICATED: (StoreUnreachable, "gcloud auth application-default login"),
    grpc.StatusCode.INVALID_ARGUMENT: (StoreError, "refused: as it was told"),
    grpc.StatusCode.UNIMPLEMENTED: (StoreError, "refused: as it was told"),
}


@pytest.mark.parametrize("refusing", REFUSALS, indirect=True, ids=str)
@pytest.mark.parametrize("call", CALLS)
def test_no_refusal_escapes_from_any_call_but_in_our_words(refusing, call, request):
    error = raised(CALLS[call], refusing)
    kind, words = REFUSALS[request.node.callspec.params["refusing"]]
    assert isinstance(error, kind)
    assert words in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize("refusing", [None], indirect=True)
@pytest.mark.parametrize("call", ["find", "claim", "add"])
def test_a_server_that_does_not_answer_is_unreachable_in_good_time(refusing, call):
    assert "in time" in str(raised(CALLS[call], refusing))


@pytest.mark.parametrize("code", grpc.StatusCode)
def test_every_status_becomes_ours(code):
    class Refused(grpc.RpcError):
        def code(self):
            return code

        def details(self):
            return "boom"

    with pytest.raises(PubsubctlError, match="firestore://p/d"), translated("firestore://p/d"):
        raise Refused


@pytest.mark.parametrize("kind", sorted(classes(GoogleAPICallError), key=str))
def test_every_error_of_googles_library_becomes_ours(kind):
    with pytest.raises(PubsubctlError, match="firestore://p/d"), translated("firestore://p/d"):
        raise kind("boom")


@pytest.mark.parametrize("kind", [DefaultCredentialsError, RefreshError, GoogleAuthError])
def test_missing_credentials_say_how_to_get_some(kind):
    assert "gcloud auth application-default login" in str(failure("firestore://p/d", kind("no credentials")))
    assert isinstance(failure("firestore://p/d", PermissionDenied("no")), StoreUnreachable)


def test_a_store_that_is_stopped_in_a_call_is_waited_for_and_goes_on(backend):
    store = backend.open()
    added(store)
    emulator = firestore_emulator.shared().process.pid
    os.killpg(emulator, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(the_job, store)
        time.sleep(0.3)
        assert not under_way.done()
        os.killpg(emulator, signal.SIGCONT)
        assert under_way.result(timeout=20).state is JobState.QUEUED


def test_a_value_that_cannot_be_written_is_refused(backend):
    store = backend.open()
    for odd in ("\udcff", 2**70):
        with pytest.raises(StoreError, match="cannot hold a value"):
            store.add([a_job(batch_id=odd)])
    assert store.find().jobs == []


def test_a_body_that_no_documents_hold_is_refused_with_what_to_do(backend):
    store = backend.open()
    running(store)
    with pytest.raises(StoreError, match="--payloads"):
        store.record([an_outcome(response=Response(200, (), bytes(12_000_001)))])
    assert the_job(store).state is JobState.RUNNING
    assert store.record([an_outcome()]) == [True]


def test_a_store_of_a_newer_version_is_refused(backend):
    service = backend.open()._service
    write = Write()
    write.update.name = service.name(IDENTITY)
    write.update_mask.field_paths.append("schema")
    write.update.fields["schema"].integer_value = 99
    service.commit([write])
    with pytest.raises(StoreError, match="version 99"):
        backend.open()


def test_whoever_only_asks_leaves_no_store_behind(backend):
    url = f"firestore://test-{secrets.token_hex(8)}/other"
    for _ in range(2):
        with pytest.raises(StoreUnreachable, match="pubsubctl setup"):
            open_store(url, create=False)
    open_store(url).close()
    open_store(url, create=False).close()


@pytest.mark.parametrize(
    ("url", "project", "database"),
    [
        ("firestore://demo", "demo", "(default)"),
        ("firestore://demo/", "demo", "(default)"),
        ("firestore://example.com:demo/jobs-1", "example.com:demo", "jobs-1"),
        ("firestore://demo/%28default%29?credentials_file=/a/b.json", "demo", "(default)"),
    ],
)
def test_a_url_names_a_project_and_a_database(url, project, database):
    assert place_of(url) == Place(project, database)


@pytest.mark.parametrize("url", ["firestore://", "firestore:///jobs", "firestore://demo/a/b", "firestore://demo/UP"])
def test_a_url_that_names_none_is_refused_with_the_form(url):
    with pytest.raises(InvalidSetting, match="firestore://PROJECT"):
        place_of(url)


def test_without_credentials_opening_says_how_to_get_some(monkeypatch, tmp_path):
    monkeypatch.delenv(firestore_emulator.VARIABLE, raising=False)
    with pytest.raises(InvalidSetting, match="credentials_file"):
        open_store(f"firestore://demo-1?credentials_file={tmp_path}/none.json")


@pytest.mark.parametrize("refusing", [grpc.StatusCode.UNAVAILABLE], indirect=True)
def test_of_the_service_itself_it_is_told_what_is_still_to_be_done(refusing):
    left = refusing.left_to_do()
    assert any("gcloud firestore indexes composite create" in each for each in left)
    assert any("ttls update expires_at" in each for each in left)


def test_an_emulator_leaves_nothing_to_do(backend):
    assert backend.open().left_to_do() == []


def test_a_watch_whose_stream_breaks_wakes_its_waiter_and_listens_again(backend):
    store = backend.open()
    added(store)
    with store.watch(["job-1"]) as watch:
        assert list(watch.narrowed(["job-1"])) == []
        watch._call.cancel()
        assert watch.wait(10.0) is True
        assert list(watch.narrowed(["job-1"])) in ([], ["job-1"])
        give_up = time.monotonic() + 20
        while watch.narrowed(["job-1"]) and time.monotonic() < give_up:
            watch.wait(1.0)
        assert list(watch.narrowed(["job-1"])) == [], "it knows again that the job runs on"
        watch.wait(0.0)
        store.cancel(["job-1"])
        assert watch.wait(10.0) is True
        assert list(watch.narrowed(["job-1"])) == ["job-1"]
