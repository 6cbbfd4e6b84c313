"""A google.pubsub.v1 broker that needs nothing but Python: gRPC in front, SQLite behind.

It knows nothing of jobs and could be a package of its own. ``EmbeddedBroker`` runs it in this process,
``python -m pubsubctl.emulator.embedded`` in another.
"""

from pubsubctl.emulator.embedded.clock import MovableClock
from pubsubctl.emulator.embedded.faults import Faults
from pubsubctl.emulator.embedded.inprocess import EmbeddedBroker

__all__ = ["EmbeddedBroker", "Faults", "MovableClock"]
