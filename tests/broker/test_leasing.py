"""What the broker is told of messages in hand, on the embedded emulator, and what of it must be told again."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.pubsub_v1 import types
from google.rpc import error_details_pb2, status_pb2

from pubsubctl.broker.connection import Connection
from pubsubctl.broker.leasing import Leasing
from pubsubctl.broker.stream import Stream
from pubsubctl.emulator.embedded import Faults
from pubsubctl.emulator.embedded.clock import MovableClock
from pubsubctl.emulator.embedded.inprocess import EmbeddedBroker
from pubsubctl.emulator.embedded.status import Refusal
from pubsubctl.errors import InvalidSetting
from pubsubctl.settings import Settings

TOPIC, SUBSCRIPTION = "projects/project/topics/topic", "projects/project/subscriptions/subscription"
LEASE_S = 10


class Counted(Faults):
    """Counts calls; refuses, holds up, or loses them as the test says."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.refusal: Refusal | None = None
        self.lost = False

    @property
    def active(self) -> bool:  # type: ignore[override]
        return self.lost

    async def before_rpc(self, method: str) -> None:
        self.calls[method] += 1
        if self.refusal is not None and method in ("Acknowledge", "ModifyAckDeadline"):
            raise self.refusal

    def drops_ack(self) -> bool:
        return self.lost


class Desk:
    """A subscription of which some messages are in hand."""

    def __init__(self, folder: Path, *, exactly_once: bool = False) -> None:
        self.clock, self.faults = MovableClock(), Counted()
        self.broker = EmbeddedBroker(folder, clock=self.clock, faults=self.faults).start()
        settings = Settings.load({"emulator_host": self.broker.address}, environ={}, start=folder)
        self.connection = Connection(settings)
        self.connection.publisher.create_topic(name=TOPIC)
        self.connection.subscriber.create_subscription(
            request={
                "name": SUBSCRIPTION,
                "topic": TOPIC,
                "ack_deadline_seconds": LEASE_S,
                "enable_exactly_once_delivery": exactly_once,
            }
        )
        self.leasing = Leasing(self.connection.lasting, SUBSCRIPTION)

    def close(self) -> None:
        self.leasing.close()
        self.connection.close()
        self.broker.stop()

    def publish(self, count: int) -> None:
        self.connection.publisher.publish(topic=TOPIC, messages=[{"data": b"%d" % n} for n in range(count)])

    def pull(self) -> dict[bytes, str]:
        """What is in nobody's hands, with the ack ids that it has now."""
        with pytest.warns(DeprecationWarning, match="return_immediately"):  # which says what is meant
            answer = self.connection.subscriber.pull(
                subscription=SUBSCRIPTION, max_messages=1000, return_immediately=True
            )
        return {each.message.data: each.ack_id for each in answer.received_messages}

    def hand_out(self, count: int) -> list[str]:
        self.publish(count)
        return list(self.pull().values())

    def left(self) -> list[bytes]:
        """What is still to be delivered, when no lease keeps any of it away."""
        self.clock.advance(700)
        return list(self.pull())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.close()


@pytest.fixture
def exact(tmp_path: Path) -> Iterator[Desk]:
    """Where delivery is exactly once."""
    desk = Desk(tmp_path, exactly_once=True)
    yield desk
    desk.close()


def test_what_is_acknowledged_is_done_for_good(desk):
    ids = desk.hand_out(4)
    assert desk.leasing.acknowledge(ids[:3]) == []
    assert desk.left() == [b"3"]


def test_a_lease_lasts_as_long_as_was_asked_for_from_now_on(desk):
    ids = desk.hand_out(2)
    desk.clock.advance(LEASE_S - 1)
    assert desk.leasing.lease(ids[:1], 60) == []
    desk.clock.advance(59)
    assert list(desk.pull()) == [b"1"]
    desk.clock.advance(2)
    assert list(desk.pull()) == [b"0"]


def test_what_is_given_back_comes_again_at_once(desk):
    ids = desk.hand_out(3)
    assert desk.leasing.lease(ids, 0) == []
    assert list(desk.pull()) == [b"0", b"1", b"2"]


def test_an_ack_id_that_is_none_takes_no_other_with_it(desk):
    ids = desk.hand_out(8)
    assert desk.leasing.lease([*ids[:3], "none", *ids[3:]], 600) == []
    desk.clock.advance(500)
    assert desk.pull() == {}
    assert desk.leasing.acknowledge([*ids[:5], "none", *ids[5:]]) == []
    assert desk.left() == []


@pytest.mark.parametrize(
    "code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.RESOURCE_EXHAUSTED]
)
def test_what_the_broker_did_not_do_for_now_is_to_be_said_again(desk, code):
    ids = desk.hand_out(2)
    desk.faults.refusal = Refusal(code, "not now")
    assert desk.leasing.acknowledge(ids) == ids
    assert desk.leasing.lease(ids, 60) == ids
    desk.faults.refusal = None
    assert desk.leasing.acknowledge(ids) == []
    assert desk.left() == []


def test_what_is_refused_for_good_is_not_said_again(desk):
    ids = desk.hand_out(2)
    desk.connection.subscriber.delete_subscription(subscription=SUBSCRIPTION)
    assert desk.leasing.acknowledge(ids) == []
    assert desk.leasing.lease(ids, 60) == []


def test_a_quota_that_is_used_up_says_nothing_of_any_message(desk):
    ids = desk.hand_out(2)
    quota = {"service": "pubsub.googleapis.com", "quota_limit": "per-minute"}
    desk.faults.refusal = Refusal(
        grpc.StatusCode.RESOURCE_EXHAUSTED, "too fast", reason="RATE_LIMIT_EXCEEDED", metadata=quota
    )
    assert desk.leasing.acknowledge(ids) == ids


def test_a_broker_that_is_not_there_is_to_be_told_again(tmp_path):
    desk = Desk(tmp_path)
    ids = desk.hand_out(2)
    desk.broker.stop()
    assert desk.leasing.acknowledge(ids) == ids
    desk.leasing.close()
    desk.connection.close()


def test_who_has_closed_it_says_nothing_more(desk):
    ids = desk.hand_out(1)
    desk.leasing.close()
    assert desk.leasing.acknowledge(ids) == ids
    assert desk.faults.calls["Acknowledge"] == 0


def test_exactly_once_what_fails_for_now_is_to_be_said_again(exact):
    ids = exact.hand_out(3)
    exact.faults.lost = True
    assert exact.leasing.acknowledge(ids) == ids
    exact.faults.lost = False
    assert exact.leasing.acknowledge(ids) == []
    assert exact.left() == []


def test_exactly_once_what_fails_for_good_is_not_and_the_others_are_done(exact):
    ids = exact.hand_out(3)
    exact.leasing.acknowledge(ids[:1])
    assert exact.leasing.acknowledge(ids[:2]) == []
    assert exact.leasing.lease(ids[1:], 60) == []
    exact.clock.advance(LEASE_S + 1)
    assert exact.pull() == {}, "the lease of the other is renewed"
    assert exact.left() == [b"2"]
    assert exact.leasing.acknowledge(ids[2:]) == [], "that lease has lapsed"
    assert exact.left() == [b"2"]


def answering(*answers: Callable[[Any], None]) -> Any:
    """A broker that answers each call as these say, one after another, and the last of them from then on."""
    pending = list(answers)

    class Handler(grpc.GenericRpcHandler):
        def service(self, _: Any) -> Any:
            def answer(request: bytes, context: Any) -> bytes:
                (pending.pop(0) if len(pending) > 1 else pending[0])(context)
                return b""

            return grpc.unary_unary_rpc_method_handler(answer)

    return Handler()


@contextmanager
def serving(*answers: Callable[[Any], None]) -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(4), handlers=(answering(*answers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait()


def naming(code: grpc.StatusCode, **failures: str) -> Callable[[Any], None]:
    """An error that names single messages, as the service has it."""
    number = code.value[0]
    status = status_pb2.Status(code=number, message="some")
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason="EXACTLY_ONCE_ACKID_FAILURE", metadata=failures))

    def answer(context: Any) -> None:
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(code, "some")

    return answer


FOR_NOW, FOR_GOOD = "TRANSIENT_FAILURE_ACK_ID", "PERMANENT_FAILURE_INVALID_ACK_ID"


@pytest.mark.parametrize(
    ("code", "again"),
    [(grpc.StatusCode.INVALID_ARGUMENT, ["b"]), (grpc.StatusCode.UNAVAILABLE, ["b", "c"])],
    ids=["of some", "of all for now"],
)
def test_exactly_once_each_message_is_treated_as_the_broker_says_of_it(code, again):
    with serving(naming(code, a=FOR_GOOD, b=FOR_NOW)) as address:
        leasing = Leasing(lambda: grpc.insecure_channel(address), SUBSCRIPTION)
        assert leasing.acknowledge(["a", "b", "c"]) == again
        assert leasing.lease(["a", "b", "c"], 60) == again
        leasing.close()


def test_a_call_that_is_not_answered_in_time_is_made_by_another_connection():
    over = threading.Event()

    def hang(context: Any) -> None:
        over.wait(20)

    def connect() -> grpc.Channel:
        channels.append(grpc.insecure_channel(address))
        return channels[-1]

    channels: list[grpc.Channel] = []
    with serving(hang, lambda _: None) as address:
        leasing = Leasing(connect, SUBSCRIPTION, timeout_s=0.3)
        assert leasing.lease(["a"], 60) == ["a"]
        assert leasing.lease(["a"], 60) == []
        assert leasing.acknowledge(["a"]) == []
        over.set()
        leasing.close()
    assert len(channels) == 2


def test_credentials_that_cannot_be_read_just_now_are_read_again():
    with serving(lambda _: None) as address:

        def connect() -> grpc.Channel:
            if not tries.pop():
                raise InvalidSetting("credentials_file 'x' cannot be used")
            return grpc.insecure_channel(address)

        tries = [True, False]
        leasing = Leasing(connect, SUBSCRIPTION)
        assert leasing.acknowledge(["a"]) == ["a"]
        assert leasing.acknowledge(["a"]) == []
        leasing.close()


def opened(desk: Desk, hold: int = 100) -> Stream:
    return Stream(desk.connection.lasting(), SUBSCRIPTION, hold=hold, lease_s=LEASE_S)


def test_a_stream_gives_messages_in_the_batches_in_which_they_come(desk):
    desk.publish(10)
    stream = opened(desk, hold=4)
    (first,) = [next(iter(stream.responses()))]
    assert [each.message.data for each in first] == [b"0", b"1", b"2", b"3"]
    assert stream.is_open
    stream.close()
    assert not stream.is_open


def test_a_stream_that_asks_for_no_more_ends_when_all_has_come(desk):
    desk.publish(2)
    stream = opened(desk)
    responses = iter(stream.responses())
    assert len(next(responses)) == 2
    stream.part()
    assert list(responses) == []
    assert not stream.is_open
    stream.close()
    stream.close()


def test_a_stream_can_show_that_we_are_there(desk):
    stream = opened(desk)
    responses = iter(stream.responses())
    for _ in range(3):
        stream.beat()
    desk.publish(1)
    assert [each.message.data for each in next(responses)] == [b"0"]
    stream.close()


def test_a_stream_says_why_the_broker_has_ended_it(desk):
    desk.connection.subscriber.delete_subscription(subscription=SUBSCRIPTION)
    stream = opened(desk)
    with pytest.raises(exceptions.NotFound):
        list(stream.responses())
    stream.close()


def test_what_a_stream_leases_is_leased_for_as_long_as_it_said(desk):
    desk.publish(1)
    stream = Stream(desk.connection.lasting(), SUBSCRIPTION, hold=1, lease_s=60)
    next(iter(stream.responses()))
    stream.close()
    desk.clock.advance(59)
    assert desk.pull() == {}
    desk.clock.advance(2)
    assert list(desk.pull()) == [b"0"]


def test_a_stream_asks_first_for_what_it_was_told_to():
    seen: list[Any] = []

    class Handler(grpc.GenericRpcHandler):
        def service(self, _: Any) -> Any:
            def answer(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
                seen.append(types.StreamingPullRequest.pb().FromString(next(requests)))
                return iter(())

            return grpc.stream_stream_rpc_method_handler(answer)

    server = grpc.server(ThreadPoolExecutor(2), handlers=(Handler(),))
    channel = grpc.insecure_channel(f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}")
    server.start()
    stream = Stream(channel, SUBSCRIPTION, hold=7, lease_s=60, client_id="a worker")
    assert list(stream.responses()) == []
    stream.close()
    server.stop(0).wait()
    (first,) = seen
    assert (first.subscription, first.client_id) == (SUBSCRIPTION, "a worker")
    assert (first.max_outstanding_messages, first.stream_ack_deadline_seconds) == (7, 60)
    assert first.max_outstanding_bytes > 10_000_000, "the largest message fits"


def test_requests_name_the_subscription_where_the_service_looks_for_it():
    seen: list[Any] = []

    def look(context: Any) -> None:
        seen.append(dict(context.invocation_metadata())["x-goog-request-params"])

    with serving(look) as address:
        leasing = Leasing(lambda: grpc.insecure_channel(address), SUBSCRIPTION)
        leasing.acknowledge(["a"])
        leasing.close()
    assert seen == ["subscription=projects/project/subscriptions/subscription"]
