"""Requests that are no messages of the API."""

import grpc
import pytest
from pubsub_kit import Broker

NO_MESSAGE = b"\xff\xff\xff"


@pytest.mark.parametrize("method", ["Publisher/Publish", "Subscriber/Pull"])
def test_what_is_no_message_is_an_invalid_argument(embedded: Broker, method: str) -> None:
    with grpc.insecure_channel(embedded.address) as channel:
        call = channel.unary_unary(f"/google.pubsub.v1.{method}")
        with pytest.raises(grpc.RpcError) as caught:
            call(NO_MESSAGE, timeout=5)
    check(caught.value)


def test_what_is_no_message_ends_a_stream(embedded: Broker) -> None:
    with grpc.insecure_channel(embedded.address) as channel:
        call = channel.stream_stream("/google.pubsub.v1.Subscriber/StreamingPull")
        with pytest.raises(grpc.RpcError) as caught:
            next(call(iter([NO_MESSAGE]), timeout=5))
    check(caught.value)


def check(error: grpc.RpcError) -> None:
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "google.pubsub.v1." in error.details()
