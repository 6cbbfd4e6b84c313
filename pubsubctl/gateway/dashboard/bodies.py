"""Bodies of requests and responses: what of them is shown in a page, and how the whole is handed out.

They are somebody else's content. In a page only text is shown, escaped; the whole is handed out as a file, in a sandbox
of its own, by a name and a type of ours. Some kinds of images may be shown, if their first bytes are what their type
says.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import BinaryIO

from flask import Response

from pubsubctl.gateway.dashboard.jsontext import laid_out
from pubsubctl.gateway.dashboard.words import plain

SHOWN_BYTES = 64 * 1024
_LAID_OUT = 4 * SHOWN_BYTES
"""Characters of JSON that is laid out: a deep one has more of indentation than of anything else."""
_IMAGE_BYTES = 8 << 20
_PIECE = 1 << 18
_UNKNOWN = "application/octet-stream"

_SIGNATURES = {
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
}
"""Images that may be shown. Never SVG: that is a document, with scripts and all."""
_SIGNATURE_BYTES = 16
_CHARSET = re.compile(
    r"""charset="?(utf-?(?:8|16|32)(?:-?[lb]e)?|(?:us-)?ascii|iso-?8859-\d+|latin-?\d+|windows-\d+|cp\d+|koi8-[ru]|gbk
    |gb2312|gb18030|big5|shift[-_]jis|euc[-_](?:jp|kr)|iso-2022-jp)(?![\w-])""",
    re.IGNORECASE | re.VERBOSE,
)
"""Those that are believed: some others that Python knows take very long, or make much of little."""
_LONGEST_CHARACTER = 4
_SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "image/webp": ".webp"}

SANDBOX = (
    "sandbox; default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; img-src 'none'; "
    "script-src 'none'; style-src 'none'"
)


@dataclass(frozen=True)
class Preview:
    """What of a body is shown in a page.

    Attributes:
        kind: ``empty``, ``text``, ``json``, ``image``, or ``binary`` for what is not shown.
        size: of the whole, in bytes.
        text: its beginning, if it is text.
        is_cut: whether there is more.
    """

    kind: str
    size: int
    text: str = ""
    is_cut: bool = False


def media_type(content_type: str | None) -> str:
    """A Content-Type without its parameters, in lower case."""
    return (content_type or "").partition(";")[0].strip().lower()


def image_type(content_type: str | None, head: bytes) -> str | None:
    """The type of an image that may be shown; None for anything else."""
    kind = media_type(content_type)
    signature = _SIGNATURES.get(kind)
    return kind if signature is not None and signature.match(head) else None


def preview(content_type: str | None, head: bytes, size: int) -> Preview:
    """What is shown of a body.

    Args:
        content_type: what is said of it.
        head: its beginning, or all of it; no more than ``SHOWN_BYTES`` of it are shown.
        size: of the whole.
    """
    if not size:
        return Preview("empty", 0)
    if image_type(content_type, head):
        return Preview("image" if size <= _IMAGE_BYTES else "binary", size)
    head = head[:SHOWN_BYTES]
    cut = size > len(head)
    text = _text(head, content_type, is_cut=cut)
    if text is None:
        return Preview("binary", size)
    kind = media_type(content_type)
    if not cut and (kind == "application/json" or kind.endswith("+json")):
        lines = laid_out(text, _LAID_OUT)
        if lines is not None:
            return Preview("json", size, plain(lines))
    return Preview("text", size, plain(text), is_cut=cut)


def handed_out(name: str, content_type: str | None, body: BinaryIO, size: int, held: ExitStack) -> Response:
    """The whole of a body.

    Args:
        name: what to call it, without a suffix; of ours.
        content_type: what is said of it; believed of images that may be shown.
        body: it, at its beginning.
        size: its length.
        held: what is to be let go when it was sent.
    """
    head = body.read(_SIGNATURE_BYTES)
    body.seek(0)
    kind = image_type(content_type, head)
    answer = Response(_pieces(body), mimetype=kind or _UNKNOWN)
    answer.call_on_close(held.close)
    answer.content_length = size
    headers = answer.headers
    headers["Content-Security-Policy"] = SANDBOX
    headers["X-Content-Type-Options"] = "nosniff"
    shown = "inline" if kind else "attachment"
    headers["Content-Disposition"] = f'{shown}; filename="{name}{_SUFFIXES.get(kind or "", ".bin")}"'
    return answer


def _pieces(body: BinaryIO) -> Iterator[bytes]:
    while piece := body.read(_PIECE):
        yield piece


def _text(head: bytes, content_type: str | None, *, is_cut: bool) -> str | None:
    """The text that a beginning of a body is, unless it is none; one that is cut may end within a character."""
    match = _CHARSET.search(content_type or "")
    for charset in [match[1], "utf-8"] if match else ["utf-8"]:
        for left_out in range(_LONGEST_CHARACTER if is_cut else 1):
            try:
                text = head[: len(head) - left_out].decode(charset)
            except (LookupError, UnicodeError):
                continue
            return None if "\0" in text else text
    return None
