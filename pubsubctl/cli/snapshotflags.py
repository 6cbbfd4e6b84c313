"""The flags of ``snapshots create`` and ``snapshots update``."""

from pubsubctl.broker.naming import Kind
from pubsubctl.cli.flags import LABEL_CHANGES, LABELS, Flag, Flags

CREATE: Flags = {
    "subscription": Flag(
        "subscription",
        "Subscription whose backlog is kept.",
        "SUBSCRIPTION",
        refers_to=Kind.SUBSCRIPTION,
        required=True,
    ),
    "labels": LABELS,
}

UPDATE: Flags = LABEL_CHANGES
