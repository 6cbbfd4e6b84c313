"""What a worker is to be, decided before anything of it exists. Pure, but for the machine's and the process's names."""

import os
import socket
from dataclasses import dataclass

from pubsubctl.settings import Settings
from pubsubctl.store.claims import WorkerInfo
from pubsubctl.worker.delivery import Terms
from pubsubctl.worker.stopping import Limits


@dataclass(frozen=True)
class Plan:
    """A worker.

    Attributes:
        app: what the children load.
        worker_id: unique for each start of a worker.
        limits: when it ends by itself.
        reload: whether its children follow changes of the application's code.
        nack_pause_s: see ``Terms``, as for ``ordered``.
        most_deliveries: see ``Source``.
    """

    settings: Settings
    app: str
    worker_id: str
    limits: Limits
    reload: bool
    nack_pause_s: float
    ordered: bool
    most_deliveries: int | None

    def terms(self, store_id: str) -> Terms:
        """What it asks of jobs."""
        settings = self.settings
        return Terms(
            worker_id=self.worker_id,
            store_id=store_id,
            topic=settings.topic_path,
            route=settings.route,
            lease_s=settings.lease,
            job_timeout_s=settings.job_timeout,
            max_attempts=settings.max_attempts,
            result_ttl_s=settings.result_ttl,
            nack_pause_s=self.nack_pause_s,
            retry_on=settings.retry_on,
            ordered=self.ordered,
        )

    def info(self) -> WorkerInfo:
        """How others see it."""
        return WorkerInfo(
            id=self.worker_id,
            host=socket.gethostname(),
            pid=os.getpid(),
            app=self.app,
            subscription=self.settings.subscription_path,
            slots=self.settings.slots,
        )

    @property
    def hold(self) -> int:
        """The most messages that it holds: no more than it may still run."""
        most = self.settings.slots + self.settings.prefetch
        return most if self.limits.max_jobs is None else min(most, self.limits.max_jobs)
