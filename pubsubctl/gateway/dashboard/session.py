"""Who is signed in: cookies that tell it without holding the token, and the tokens of their forms.

A cookie is ``EXPIRY.NONCE.MAC``: the MAC is made with a key that is made of the gateway's token, so a session outlives
a restart, holds for every gateway of that token, and ends with it. Without a token the key is made anew by each start.
"""

import hmac
import secrets
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256

COOKIE = "pubsubctl-dashboard"
"""What names of its cookies begin with."""
LIFETIME_S = 12 * 3600
_PURPOSE = b"pubsubctl dashboard session"
_PARTS = 3
_LONGEST = 200
_ENDED_KEPT = 10_000


class Sessions:
    """Makes sessions, and tells whether one is good. Any thread may ask.

    Args:
        token: what signs people in; None where nobody needs to.
        clock: seconds since the epoch.
    """

    def __init__(self, token: str | None, *, clock: Callable[[], float] = time.time) -> None:
        self._token = token
        secret = token.encode() if token is not None else secrets.token_bytes(32)
        self._key = hmac.digest(secret, _PURPOSE, sha256)
        self._clock = clock
        self._lock = threading.Lock()
        self._ended: dict[str, float] = {}

    @property
    def need_token(self) -> bool:
        """Whether people have to sign in."""
        return self._token is not None

    def accepts(self, token: str) -> bool:
        """Whether it is the token, in a time that does not depend on how much of it is right."""
        expected = self._mac("token", self._token or "")
        return self.need_token and hmac.compare_digest(self._mac("token", token), expected)

    def begin(self) -> str:
        """A new session, as its cookie holds it."""
        told = f"{int(self._clock()) + LIFETIME_S}.{secrets.token_urlsafe(16)}"
        return f"{told}.{self._mac('session', told)}"

    def is_good(self, cookie: str) -> bool:
        """Whether it is a session that was begun here, has not expired and was not ended."""
        parts = cookie.split(".")
        if len(cookie) > _LONGEST or len(parts) != _PARTS or not cookie.isascii():
            return False
        expiry, nonce, mac = parts
        if not hmac.compare_digest(mac, self._mac("session", f"{expiry}.{nonce}")):
            return False
        with self._lock:
            return int(expiry) > self._clock() and nonce not in self._ended

    def end(self, cookie: str) -> None:
        """Let a session be good no more in this process, though its cookie may still be somewhere.

        Another process of the same token, or the next one, does not know of it; the cookie is good there until it
        expires.
        """
        if not self.is_good(cookie):
            return
        expiry, nonce, _ = cookie.split(".")
        with self._lock:
            now = self._clock()
            self._ended = {one: until for one, until in self._ended.items() if until > now}
            if len(self._ended) < _ENDED_KEPT:
                self._ended[nonce] = float(expiry)

    def form_token(self, cookie: str) -> str:
        """What every form of a session carries (CSRF): nobody who cannot read its pages can know it."""
        return self._mac("form", cookie)

    def is_form_token(self, cookie: str, given: str) -> bool:
        """Whether a form was made for this session."""
        return given.isascii() and hmac.compare_digest(given, self.form_token(cookie))

    def _mac(self, purpose: str, text: str) -> str:
        digest = hmac.digest(self._key, f"{purpose}:{text}".encode("utf-8", "surrogateescape"), sha256)
        return urlsafe_b64encode(digest).decode().rstrip("=")
