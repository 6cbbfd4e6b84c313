"""Messages that are none of ours may hold anything; the decoder takes them for what they are."""

import pytest

from pubsubctl.wire import decode


@pytest.mark.parametrize("data", [b"[" * 200_000, b'{"a":' * 200_000, b"1" * 100_000, b"\xff\xfe{}", b'"\\ud800"'])
def test_data_that_no_json_parser_can_take_is_no_json(data):
    envelope = decode(data, {}, message_id="1", route="POST /p")
    assert envelope.request.body == data
