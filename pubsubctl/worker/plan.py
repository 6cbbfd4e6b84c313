"""What a worker is to be, decided before anything of it exists. Pure, but for the machine's and the process's names."""

import os
import socket
from dataclasses import dataclass

from pubsubctl.settings import Settings
from pubsubctl.store.claims import WorkerInfo
from pubsubctl.worker.delivery import Terms
from pubsubctl.worker.gears import FEW, MANY, Gears
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

    def payloads(self, store_id: str) -> str | None:
        """How children keep large bodies apart, as they are told; None: they do not."""
        terms = self.settings.payload_terms(store_id)
        return terms.dump() if terms is not None else None

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

    def gears(self) -> Gears:
        """How many messages it holds: those that run, and so many as the settings say, or as jobs are short."""
        settings, jobs = self.settings, self.limits.max_jobs
        few, many = (FEW, MANY) if settings.prefetch is None else (settings.prefetch, settings.prefetch)
        least, most = (
            hold if jobs is None else min(hold, jobs)  # no more than it may still run
            for hold in (settings.slots + few, settings.slots + many)
        )
        return Gears(settings.slots, least=least, most=most)
