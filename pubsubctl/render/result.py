"""A job's response. Its body may be large, so it is shown piece by piece."""

import base64
import codecs
import json
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from pubsubctl.exchange import Response
from pubsubctl.render.figures import size
from pubsubctl.render.output import Format, line, note, raw
from pubsubctl.render.saving import save

_PIECE = 3 << 18
"""A multiple of three: the Base64 of pieces is that of the whole."""


def show(
    job_id: str,
    response: Response,
    body: BinaryIO,
    *,
    form: Format,
    include: bool = False,
    output: Path | None = None,
    before: Mapping[str, Any] | None = None,
) -> None:
    """Show it on stdout, or put its body into a file.

    Args:
        job_id: whose it is.
        response: the response.
        body: its body.
        form: text is the body as it is.
        include: whether to show the status line and the headers before it.
        output: the file for the body.
        before: what else JSON is to show of the job.

    Raises:
        PubsubctlError: the file cannot be written.
    """
    if form is not Format.TEXT:
        _document({**(before or {}), **_head(job_id, response)}, body, form)
        return
    if include:
        line(f"HTTP/1.1 {response.status} {response.phrase}".rstrip())
        for name, value in response.headers:
            line(f"{name}: {value}")
        line()
    if output is not None:
        save(_pieces(body), output)
    elif sys.stdout.isatty():
        _to_terminal(response, body)
    else:
        for piece in _pieces(body):
            raw(piece)


def _head(job_id: str, response: Response) -> dict[str, Any]:
    """As JSON shows it, but for its body; these names are stable."""
    return {
        "id": job_id,
        "http_status": response.status,
        "headers": [list(header) for header in response.headers],
    }


def _document(head: Mapping[str, Any], body: BinaryIO, form: Format) -> None:
    """A JSON object that ends with the body, as ``output.document`` would write it."""
    wide = form is Format.JSON
    told = json.dumps(head, indent=2 if wide else None).removesuffix("}").rstrip()
    sys.stdout.write(told + (',\n  "body_base64": "' if wide else ', "body_base64": "'))
    for piece in _pieces(body):
        sys.stdout.write(base64.b64encode(piece).decode())
    sys.stdout.write('"\n}\n' if wide else '"}\n')
    sys.stdout.flush()


def _to_terminal(response: Response, body: BinaryIO) -> None:
    """Show text as it is, and nothing that a terminal would act on."""
    if not _is_text(_pieces(body)):
        note(f"binary body of {size(response.size)}; use -o FILE, or redirect")
        return
    body.seek(0)
    last = b"\n"
    for piece in _pieces(body):
        raw(piece)
        last = piece[-1:]
    if last != b"\n":
        raw(b"\n")


def _is_text(pieces: Iterator[bytes]) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        harmless = all(_is_harmless(decoder.decode(piece)) for piece in pieces)
        decoder.decode(b"", final=harmless)
    except UnicodeDecodeError:
        return False
    return harmless


def _is_harmless(text: str) -> bool:
    return all(character in "\n\t\r" or unicodedata.category(character) != "Cc" for character in text)


def _pieces(body: BinaryIO) -> Iterator[bytes]:
    """What is left of it."""
    while piece := body.read(_PIECE):
        yield piece
