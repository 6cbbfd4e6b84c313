"""A response that is not known yet: it pauses until it is, and then is another one."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from flask import Response

from pubsubctl.gateway.pausing import PAUSING, Pause
from pubsubctl.gateway.waiters import Wait, Waiters

_OF_THE_REAL_ONE = frozenset({"content-type", "content-length"})


class Later(Response):
    """Takes the place of a response until that can be made.

    What is set on it (by ``after_request``, say) is set on the real one, too.

    Args:
        wait: what is waited for; closed in the end.
        until: by ``time.monotonic``, when the real one is to be made at the latest.
        make: makes the real one.
        waiters: those to whom the wait belongs.
    """

    def __init__(self, wait: Wait, until: float, make: Callable[[], Response], waiters: Waiters) -> None:
        super().__init__()
        self._wait = wait
        self._until = until
        self._make = make
        self._waiters = waiters

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[Any]:
        """The WSGI application that a response is."""
        if environ.get(PAUSING):
            return self._paused(environ, start_response)
        if self._waiters.may_block():
            try:
                for pause in self._pauses():
                    pause.wait()
            finally:
                self._waiters.unblock()
        return self._real(environ, start_response)

    def _pauses(self) -> Iterator[Pause]:
        while not (self._wait.job or self._waiters.closed or time.monotonic() >= self._until):
            yield self._wait.until(self._until)

    def _paused(self, environ: dict[str, Any], start_response: Any) -> Iterator[Any]:
        try:
            yield from self._pauses()
        except GeneratorExit:  # whoever asked is gone
            self._wait.close()
            raise
        real = self._real(environ, start_response)
        try:
            yield from real
        finally:
            if (close := getattr(real, "close", None)) is not None:
                close()

    def _real(self, environ: dict[str, Any], start_response: Any) -> Iterable[Any]:
        try:
            made = self._make()
        finally:
            self._wait.close()
        for name, value in self.headers.items():
            if name.lower() not in _OF_THE_REAL_ONE:
                made.headers.add(name, value)
        answer: Iterable[Any] = made(environ, start_response)
        return answer
