"""Bodies as servers give them."""

import io

import pytest
from werkzeug.wrappers import Request

from pubsubctl.errors import InvalidRequest, RequestTooLarge
from pubsubctl.gateway import inbound


class Bit:
    """An input that gives less than it was asked for, as PEP 3333 allows."""

    def __init__(self, content):
        self._file = io.BytesIO(content)

    def read(self, size=-1):
        return self._file.read(min(size, 1000) if size >= 0 else 1000)


@pytest.mark.parametrize("size", [0, 1, 5_000, 300_000])
@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_that_comes_bit_by_bit_is_whole(size, chunked):
    told = {"wsgi.input_terminated": True} if chunked else {"CONTENT_LENGTH": str(size)}
    request = Request({"REQUEST_METHOD": "POST", "wsgi.input": Bit(b"x" * size), **told})
    content = inbound.body(request, 1_000_000)
    assert (content.read() if content else b"") == b"x" * size


def test_what_shows_to_be_too_large_in_the_end_is_refused_as_such():
    request = Request({"REQUEST_METHOD": "POST", "wsgi.input": Bit(b"x" * 300_000), "wsgi.input_terminated": True})
    content = inbound.body(request, 100_000)
    with pytest.raises(RequestTooLarge):
        content.read()


def test_what_ends_too_early_is_refused():
    request = Request({"REQUEST_METHOD": "POST", "wsgi.input": Bit(b"x" * 300_000), "CONTENT_LENGTH": "400000"})
    with pytest.raises(InvalidRequest):
        inbound.body(request, 1_000_000).read()
