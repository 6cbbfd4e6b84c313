"""Analyses text files: statistics, digest, how well they compress. Work for the CPU, with progress reports."""

import hashlib
import lzma
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

from flask import Flask, request
from werkzeug.exceptions import BadRequest

from pubsubctl import progress

app = Flask(__name__)

_CHUNK = 16_384
_WORD = re.compile(rb"[A-Za-z]{4,}")
_MOST_COMMON = 5


@app.post("/analyse")
def analyse() -> dict[str, Any]:
    """What there is to say about the file in the form's field ``file``, or in the body."""
    upload = request.files.get("file")
    name, content = (upload.filename or "file", upload.read()) if upload else ("body", request.get_data())
    if not content:
        raise BadRequest("there is nothing to analyse: the file is empty")
    return {"file": name, **_Analysis().run(name, content)}


class _Analysis:
    """One file, a chunk at a time."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._zlib = zlib.compressobj(9)
        self._lzma = lzma.LZMACompressor(preset=6)
        self._words: Counter[bytes] = Counter()
        self._lines = self._zlib_bytes = self._lzma_bytes = 0

    def run(self, name: str, content: bytes) -> dict[str, Any]:
        for start, chunk in _chunks(content):
            progress(start / len(content), f"{name}: {start // 1000} of {len(content) // 1000} kB")
            self._take(chunk)
        progress(1.0, f"{name}: done")
        return self._told(len(content))

    def _take(self, chunk: bytes) -> None:
        self._digest.update(chunk)
        self._zlib_bytes += len(self._zlib.compress(chunk))
        self._lzma_bytes += len(self._lzma.compress(chunk))
        self._words.update(_WORD.findall(chunk))
        self._lines += chunk.count(b"\n")

    def _told(self, size: int) -> dict[str, Any]:
        return {
            "bytes": size,
            "lines": self._lines,
            "words": self._words.total(),
            "distinct_words": len(self._words),
            "most_common": [[word.decode(), count] for word, count in self._words.most_common(_MOST_COMMON)],
            "sha256": self._digest.hexdigest(),
            "zlib_ratio": round(size / (self._zlib_bytes + len(self._zlib.flush())), 2),
            "lzma_ratio": round(size / (self._lzma_bytes + len(self._lzma.flush())), 2),
        }


def _chunks(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Pieces that end at the end of a line, so that no word is cut."""
    start = 0
    while start < len(content):
        end = content.find(b"\n", start + _CHUNK) + 1 or len(content)
        yield start, content[start:end]
        start = end
