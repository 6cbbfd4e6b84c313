"""A response that is not known yet: it pauses until it is, and then is another one."""

from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

from flask import Response

from pubsubctl.gateway.pausing import PAUSING, Pause

Steps = Generator[Pause, None, Response]

_OF_THE_REAL_ONE = frozenset({"content-type", "content-length"})


class Later(Response):
    """Takes the place of a response until that is known.

    What is set on it (by ``after_request``, say) is set on the real one, too.

    Args:
        steps: yields what is to be waited for, and returns the real one. It is told whether pauses cost no thread, and
            may well yield none where they do.
    """

    def __init__(self, steps: Callable[[bool], Steps]) -> None:
        super().__init__()
        self._steps = steps

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[Any]:
        """The WSGI application that a response is."""
        if environ.get(PAUSING):
            return self._paused(environ, start_response)
        steps = self._steps(False)
        while True:
            try:
                next(steps).wait()
            except StopIteration as end:
                return self._real(end.value, environ, start_response)

    def _paused(self, environ: dict[str, Any], start_response: Any) -> Iterator[Any]:
        made = yield from self._steps(True)
        real = self._real(made, environ, start_response)
        try:
            yield from real
        finally:
            if (close := getattr(real, "close", None)) is not None:
                close()

    def _real(self, made: Response, environ: dict[str, Any], start_response: Any) -> Iterable[Any]:
        for name, value in self.headers.items():
            if name.lower() not in _OF_THE_REAL_ONE:
                made.headers.add(name, value)
        answer: Iterable[Any] = made(environ, start_response)
        return answer
