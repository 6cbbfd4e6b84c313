"""A claimed job on its way through a child."""

from dataclasses import dataclass

from pubsubctl.exchange import Request
from pubsubctl.store.claims import Claimed
from pubsubctl.worker.frames import pack


@dataclass(eq=False)
class Task:
    """An attempt that was granted, and what is known of its run.

    Attributes:
        timeout_s: the longest it may run, or None.
        began_at: by ``time.monotonic``, when a child said that it began.
        progress: what the application reported last (fraction, note), until a heartbeat has taken it.
        ticket: its number with the child that has it.
        output_from: how much that child had printed when it began.
        stuck: how many children it was given to that began nothing.
        log: the last of what it printed, where it was stopped.
    """

    claimed: Claimed
    request: Request
    timeout_s: float | None = None
    began_at: float | None = None
    progress: tuple[float | None, str | None] | None = None
    ticket: int = -1
    output_from: int = 0
    stuck: int = 0
    log: str = ""

    @property
    def job_id(self) -> str:
        """The job."""
        return self.claimed.job_id

    def frame(self) -> bytes:
        """The job as the child is given it, to be begun by whoever reads its ticket."""
        header = {
            "kind": "job",
            "ticket": self.ticket,
            "id": self.claimed.job_id,
            "attempt": self.claimed.attempt,
            "method": self.request.method,
            "path": self.request.path,
            "headers": self.request.headers,
        }
        if (payload := self.request.payload) is not None:
            header["payload"] = [payload.key, payload.size, payload.digest]
        return pack(header, self.request.body)
