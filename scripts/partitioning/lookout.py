"""Looks again and again whether a worker calls itself ready, over a link that nothing spoils."""

import http.client
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

_EVERY_S, _ANSWER_S = 0.4, 1.0
PORT = 9090


@dataclass(frozen=True)
class Sights:
    """What was seen: moments of the steady clock, and whether the worker was ready then."""

    seen: Sequence[tuple[float, bool]] = field(default_factory=tuple)

    def noticed_s(self, began_at: float, mended_at: float) -> float | None:
        """How long after something began the worker was not ready; None where it was ready until that was mended."""
        return next((at - began_at for at, ready in self.seen if began_at < at < mended_at and not ready), None)

    def ready_s(self, mended_at: float) -> float | None:
        """How long after something was mended the worker was ready, at most; None where it was not any more."""
        return next((at - mended_at for at, ready in self.seen if at > mended_at and ready), None)


class Lookout:
    """Of one worker, from ``start`` on."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._seen: list[tuple[float, bool]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"lookout {address}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def sights(self) -> Sights:
        """All that was seen so far."""
        return Sights(tuple(self._seen))

    def is_ready(self) -> bool:
        """Whether it was, at the last look."""
        return bool(self._seen) and self._seen[-1][1]

    def stop(self) -> None:
        """End."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(_EVERY_S):
            ready = self._asks()
            self._seen.append((time.monotonic(), ready))

    def _asks(self) -> bool:
        connection = http.client.HTTPConnection(self._address, PORT, timeout=_ANSWER_S)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
