"""Where messages are pushed to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from pubsubctl.emulator.embedded.status import invalid

_PORTS = {"http": 80, "https": 443}
_URL = re.compile(r"[!-~]+")
_HOST = re.compile(r"(?:[^.]{1,63}\.)*[^.]{1,63}\.?")


@dataclass(frozen=True)
class Endpoint:
    """The parts of an http:// or https:// URL: ``authority`` is for the Host field, ``target`` for the request line."""

    host: str
    port: int
    tls: bool
    authority: str
    target: str

    @classmethod
    def parse(cls, url: str) -> Endpoint:
        """Read a URL; a fragment is left out, as it never goes to a server (RFC 9110 7.1).

        Raises:
            Refusal: INVALID_ARGUMENT: it is none that can be posted to.
        """
        try:
            parts = urlsplit(url)
            port = _port(parts)
        except ValueError:
            port = 0
        if not port or not _URL.fullmatch(url):
            raise invalid(
                f"Invalid push endpoint given (endpoint={url}). It must be a URL in ASCII that begins with http:// or "
                "https://, with a host and without user name and password (push_config.push_endpoint)"
            )
        target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        return cls(parts.hostname or "", port, parts.scheme == "https", parts.netloc, target)


def _port(parts: SplitResult) -> int:
    """The port to connect to; zero if there is none."""
    if parts.scheme not in _PORTS or "@" in parts.netloc or not _HOST.fullmatch(parts.hostname or ""):
        return 0
    return _PORTS[parts.scheme] if parts.port is None else parts.port
