"""A job's response."""

import base64
import sys
import unicodedata
from pathlib import Path
from typing import Any

from pubsubctl.errors import PubsubctlError
from pubsubctl.exchange import Response
from pubsubctl.render.figures import size
from pubsubctl.render.output import Format, document, line, note, raw


def content(job_id: str, response: Response) -> dict[str, Any]:
    """As JSON shows it; these names are stable."""
    return {
        "id": job_id,
        "http_status": response.status,
        "headers": [list(header) for header in response.headers],
        "body_base64": base64.b64encode(response.body).decode(),
    }


def show(job_id: str, response: Response, *, form: Format, include: bool = False, output: Path | None = None) -> None:
    """Show it on stdout, or put its body into a file.

    Args:
        job_id: whose it is.
        response: the response.
        form: text is the body as it is.
        include: whether to show the status line and the headers before it.
        output: the file for the body.

    Raises:
        PubsubctlError: the file cannot be written.
    """
    if form is not Format.TEXT:
        document(content(job_id, response), form)
        return
    if include:
        line(f"HTTP/1.1 {response.status} {response.phrase}".rstrip())
        for name, value in response.headers:
            line(f"{name}: {value}")
        line()
    if output is None:
        _to_terminal(response.body) if sys.stdout.isatty() else raw(response.body)
        return
    try:
        output.write_bytes(response.body)
    except OSError as error:
        raise PubsubctlError(f"cannot write {output}: {error.strerror}; the result is kept, name another -o") from error


def _to_terminal(body: bytes) -> None:
    """Show text as it is, and nothing that a terminal would act on."""
    if not _is_text(body):
        note(f"binary body of {size(len(body))}; use -o FILE, or redirect")
        return
    raw(body if body.endswith(b"\n") or not body else body + b"\n")


def _is_text(body: bytes) -> bool:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return False
    return all(character in "\n\t\r" or unicodedata.category(character) != "Cc" for character in text)
