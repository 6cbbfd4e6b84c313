"""A form as RFC 7578 has it, written as browsers do; its files are read when it is."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pubsubctl.content import Content, InMemory, of_path
from pubsubctl.errors import InvalidRequest
from pubsubctl.media import guess_type


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a multipart form."""

    filename: str
    content: bytes | Content
    content_type: str

    @classmethod
    def of(cls, path: Path) -> "Upload":
        """A file as it is on disk, its type guessed by its name.

        Raises:
            InvalidRequest: it cannot be read.
        """
        content = of_path(path)
        return cls(path.name, content if content.size is not None else content.read(), guess_type(path))


class Form(Content):
    """The fields of a form, in order.

    The boundary comes from the content, so that the same form is the same request: an idempotency key compares them.
    So files are read twice.

    Attributes:
        content_type: the header field of that name.

    Raises:
        InvalidRequest: a file cannot be read, or a text is not valid Unicode.
    """

    def __init__(self, fields: Sequence[tuple[str, str | Upload]]) -> None:
        self._parts = [_part(name, value) for name, value in fields]
        digest = hashlib.sha256()
        for head, content in self._parts:
            digest.update(b"%d %d %s" % (len(head), content.size or 0, head))
            for piece in content.pieces():
                digest.update(piece)
        self._boundary = f"pubsubctl-{digest.hexdigest()[:40]}".encode()
        self.content_type = f"multipart/form-data; boundary={self._boundary.decode()}"
        self.size: int = sum(len(piece) for piece in self._frame()) + sum(each.size or 0 for _, each in self._parts)

    def pieces(self) -> Iterator[bytes]:
        """See ``Content.pieces``."""
        for head, content in self._parts:
            yield self._before(head)
            yield from content.pieces()
            yield b"\r\n"
        yield self._end()

    def _frame(self) -> Iterator[bytes]:
        """All but the contents."""
        for head, _ in self._parts:
            yield self._before(head)
            yield b"\r\n"
        yield self._end()

    def _before(self, head: bytes) -> bytes:
        return b"--%s\r\n%s\r\n\r\n" % (self._boundary, head)

    def _end(self) -> bytes:
        return b"--%s--\r\n" % self._boundary


def encoded(text: str) -> bytes:
    """Text as UTF-8.

    Raises:
        InvalidRequest: it is not valid Unicode.
    """
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"{text[:40]!r} is not valid Unicode, which UTF-8 needs; send its bytes") from error


def _part(name: str, value: str | Upload) -> tuple[bytes, Content]:
    disposition = f'Content-Disposition: form-data; name="{_quoted(name)}"'
    if isinstance(value, str):
        return encoded(disposition), InMemory(encoded(value))
    head = f'{disposition}; filename="{_quoted(value.filename)}"\r\nContent-Type: {_quoted(value.content_type)}'
    content = value.content
    if isinstance(content, Content):  # what can be read once is read twice here
        return encoded(head), content if content.size is not None else InMemory(content.read())
    return encoded(head), InMemory(content)


def _quoted(text: str) -> str:
    """A name in a multipart header: what would end it is percent-encoded (HTML, "multipart/form-data encoding")."""
    return text.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
