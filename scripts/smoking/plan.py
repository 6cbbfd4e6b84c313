"""Which checks there are, how long each may take, and which run side by side."""

from functools import partial

from pubsubctl.broker.connection import Connection
from smoking.burial import Burial
from smoking.checking import Check
from smoking.flow_check import flow
from smoking.ground import Ground
from smoking.inventory import Box, Inventory
from smoking.job_checks import JobChecks
from smoking.mailbox import Mailbox
from smoking.once_check import once
from smoking.order_check import ordered
from smoking.stale_acks import stale
from smoking.terms import Terms


def lanes(terms: Terms, ground: Ground, connection: Connection, inventory: Inventory) -> list[list[list[Check]]]:
    """The checks: first the jobs whose speed is told, alone; then those that wait for most of their time, in lanes."""
    jobs = JobChecks(ground)

    def box(of: Box) -> Mailbox:
        return Mailbox(connection, of)

    stale_plain = partial(stale, box(inventory.stale), settle_s=terms.settle_s, exactly_once=False)
    stale_once = partial(stale, box(inventory.stale_once), settle_s=terms.settle_s, exactly_once=True)
    alone = [
        Check(1, "main job", 120, jobs.main_job),
        Check(10, "batch of 1,000 jobs", 300, jobs.batch),
    ]
    return [
        [alone],
        [
            [Check(3, "retry", 90, jobs.retry), Check(4, "kill -9 of the worker", 240, jobs.killed)],
            [Check(2, "flow control", 120, partial(flow, box(inventory.flow)))],
            [Check(5, "stale ack", 240, stale_plain)],
            [Check(6, "stale ack, exactly once", 240, stale_once)],
            [Check(7, "ordering key, with a nack", 180, partial(ordered, box(inventory.ordered)))],
            [Check(8, "exactly once", 240, partial(once, box(inventory.once), settle_s=terms.settle_s))],
            [
                Check(
                    9,
                    "dead letter (Pub/Sub's own account needs roles)",
                    300,
                    Burial(connection, ground.settings, inventory).run,
                )
            ],
        ],
    ]
