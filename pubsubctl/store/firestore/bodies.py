"""Requests and responses: in their job's own document, or in documents of their own where they are large.

A body over ``INLINE_BYTES`` lies in parts of ``PART_BYTES``, under a random name, written before the job's document
names them. So a commit stays under its limit of 10 MiB, and no half written body, or body of an attempt that was
overtaken, is ever taken for one: what no job names is nobody's.
"""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from pubsubctl.errors import StoreError
from pubsubctl.exchange import Request, Response
from pubsubctl.store import rows
from pubsubctl.store.firestore.layout import part_path
from pubsubctl.store.firestore.values import Fields

INLINE_BYTES = 32 * 1024
"""So a job's document stays small for whoever reads or watches it as a whole."""
PART_BYTES = 1_000_000
"""A document holds 1 MiB with its name."""
MOST_PARTS = 12
"""More than the limit of Pub/Sub's messages, 10 MB, which is that of a job's bodies too."""


def of_request(request: Request) -> dict[str, Any]:
    """A request as its job's document holds it."""
    named = {"method": request.method, "path": request.path, "payload": rows.dump_payload(request.payload)}
    return named | _content(request.headers, request.body)


def of_response(response: Response) -> dict[str, Any]:
    """A response as its job's document holds it."""
    phrase = rows.text(response.phrase)
    named = {"status": response.status, "phrase": phrase, "payload": rows.dump_payload(response.payload)}
    return named | _content(response.headers, response.body)


def request_of(held: Fields) -> Request:
    """The inverse of ``of_request``."""
    headers, body = _opened(held)
    return Request(held["method"], held["path"], headers, body, rows.load_payload(held.get("payload")))


def response_of(held: Fields) -> Response:
    """The inverse of ``of_response``."""
    headers, body = _opened(held)
    return Response(held["status"], headers, body, held["phrase"], rows.load_payload(held.get("payload")))


def parts_of(held: Fields) -> list[str]:
    """Where the parts of a body are that has documents of its own."""
    return part_paths(held["parts"]) if held.get("parts") else []


def part_paths(named: str) -> list[str]:
    """Where the parts are that a job's document names."""
    token, _, number = named.partition(" ")
    return [part_path(token, each) for each in range(int(number))]


def with_parts(held: Fields, found: Mapping[str, Fields | None]) -> dict[str, Any] | None:
    """A body put together from its parts; None where one of them is gone, which a job that is deleted meanwhile is."""
    parts = [found.get(path) for path in parts_of(held)]
    if None in parts:
        return None
    return {**held, "data": b"".join(part["data"] for part in parts if part is not None)}


def set_apart(held: dict[str, Any], where: str) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """A body as it is held once its content has documents of its own, and those.

    Raises:
        StoreError: it is too large for that.
    """
    content: bytes = held["data"]
    if len(content) > MOST_PARTS * PART_BYTES:
        raise StoreError(
            f"a body of {len(content):,} bytes is more than the store {where} takes "
            f"({MOST_PARTS * PART_BYTES:,}); name a place for large ones with --payloads"
        )
    token, slices = secrets.token_hex(10), range(0, len(content), PART_BYTES)
    documents = {part_path(token, n): {"data": content[at : at + PART_BYTES]} for n, at in enumerate(slices)}
    return {**held, "data": None, "parts": f"{token} {len(documents)}"}, documents


def _content(headers: Sequence[tuple[str, str]], body: bytes) -> dict[str, Any]:
    """Headers and body as one piece: either may be large."""
    head = rows.dump_headers(headers).encode()
    return {"head": len(head), "data": head + body}


def _opened(held: Fields) -> tuple[tuple[tuple[str, str], ...], bytes]:
    content: bytes = held["data"]
    return rows.load_headers(content[: held["head"]].decode()), content[held["head"] :]
