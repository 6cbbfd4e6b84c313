"""A call in bare protobuf: again where that may help, for no longer than it may take, and refusals at once."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.pubsub_v1 import types

from pubsubctl.broker.unary import Unary

TOPIC = types.Topic.pb()
NAME = "projects/p/topics/t"


@contextmanager
def broker(answer: Callable[[int, Any, grpc.ServicerContext], Any]) -> Iterator[Unary]:
    """GetTopic of a server that answers as told: by the number of the try, the request and its context."""
    tries = iter(range(100))
    handler = grpc.unary_unary_rpc_method_handler(
        lambda request, context: answer(next(tries), request, context),
        request_deserializer=types.GetTopicRequest.pb().FromString,
        response_serializer=TOPIC.SerializeToString,
    )
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("google.pubsub.v1.Publisher", {"GetTopic": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    channel = grpc.insecure_channel(f"127.0.0.1:{port}")
    try:
        yield Unary(channel, "google.pubsub.v1.Publisher/GetTopic", TOPIC, field="topic", name=NAME)
    finally:
        channel.close()
        server.stop(None).wait()


REQUEST = types.GetTopicRequest.pb()(topic=NAME)


def test_it_is_asked_and_routed():
    seen = []

    def answer(number, request, context):
        seen.extend(value for key, value in context.invocation_metadata() if key == "x-goog-request-params")
        return TOPIC(name=request.topic)

    with broker(answer) as ask:
        assert ask(REQUEST).name == NAME
    assert seen == [f"topic={NAME}"]


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ABORTED])
def test_it_is_asked_again_where_that_may_help(code):
    failed: list[Exception] = []

    def answer(number, request, context):
        if number < 3:
            context.abort(code, "not now")
        return TOPIC(name=str(number))

    with broker(answer) as ask:
        assert ask(REQUEST, on_unanswered=failed.append).name == "3"
    assert [type(each) for each in failed] == [type(exceptions.from_grpc_status(code, ""))] * 3


def test_a_refusal_is_told_at_once():
    tries = []

    def answer(number, request, context):
        tries.append(number)
        context.abort(grpc.StatusCode.NOT_FOUND, "no such topic")

    with broker(answer) as ask, pytest.raises(exceptions.NotFound, match="no such topic"):
        ask(REQUEST)
    assert tries == [0]


def test_no_other_try_begins_once_patience_is_over():
    def answer(number, request, context):
        context.abort(grpc.StatusCode.UNAVAILABLE, "away")

    with broker(answer) as ask:
        began = time.monotonic()
        with pytest.raises(exceptions.ServiceUnavailable, match="away"):
            ask(REQUEST, timeout_s=30.0, patience_s=0.5)
        assert time.monotonic() - began < 5


def test_all_tries_together_take_no_longer_than_they_may():
    over = threading.Event()

    def answer(number, request, context):
        if number == 0:
            context.abort(grpc.StatusCode.UNAVAILABLE, "away")
        over.wait(20)
        return TOPIC()

    with broker(answer) as ask:
        began = time.monotonic()
        with pytest.raises(exceptions.DeadlineExceeded):
            ask(REQUEST, timeout_s=1.0)
        assert time.monotonic() - began < 10
        over.set()
