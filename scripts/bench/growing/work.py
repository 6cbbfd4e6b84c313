"""What is measured at one point of a curve: what a job is, and how many are submitted, and when. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from racing.noop import expected

from pubsubctl.exchange import Request, Response
from pubsubctl.submission import Submission

KB = 1_000
_OK = 200
_SHOWN = 40


@dataclass(frozen=True)
class Work:
    """What a job does.

    Attributes:
        size: bytes of its request's body, and of its response's; with 0 it is sent nothing, and answers a short text.
        sleep_ms: how long it sleeps.
    """

    size: int = 0
    sleep_ms: int = 0

    def submission(self, number: int) -> Submission:
        """The job of a number."""
        query = f"?sleep-ms={self.sleep_ms}" if self.sleep_ms else ""
        return Submission(Request.of("POST" if self.size else "GET", f"/{number}{query}", body=self._body(number)))

    def told(self, number: int, response: Response | None) -> str:
        """What came of it, as a ledger takes it."""
        if response is None:
            return "no response"
        if response.status != _OK:
            return f"HTTP {response.status}"
        if not self.size:
            return response.body.decode(errors="replace")
        if response.body == self._body(number):
            return expected(number)
        return f"{len(response.body):,} bytes that begin with {response.body[:_SHOWN]!r}"

    def _body(self, number: int) -> bytes:
        return str(number).encode().ljust(self.size, b".") if self.size else b""


@dataclass(frozen=True)
class Plan:
    """How jobs are submitted.

    Attributes:
        jobs: how many are counted.
        together: how many are submitted before the results of any are read; as many as that are in hand.
        warm: how many come before those, and are not counted.
        ahead: whether the next ones are submitted before the results of the last ones are read, so that the worker
            does not run dry; else what is counted is how long each lot takes by itself.
        waiting: whether all of them are submitted before there is a worker; the rate is that at which they drain.
    """

    jobs: int
    together: int
    warm: int = 0
    ahead: bool = False
    waiting: bool = False

    @property
    def total(self) -> int:
        """All jobs."""
        return self.warm + self.jobs

    def lots(self, numbers: range) -> Iterator[range]:
        """These numbers, as many at a time as are submitted together."""
        for start in range(0, len(numbers), self.together):
            yield numbers[start : start + self.together]
