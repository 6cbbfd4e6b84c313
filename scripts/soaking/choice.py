"""What a consumer does with a message. Pure, but for chance."""

import random
from enum import Enum

REFUSE_RATE = 0.03
LEAVE_RATE = 0.005


class Choice(Enum):
    """One of three."""

    ACK = "acknowledge it"
    REFUSE = "refuse it"
    LEAVE = "let its lease end"


class Chooser:
    """Refuses what is doomed, and otherwise now and then a message.

    Attributes:
        settling: all that is not doomed is acknowledged.
    """

    def __init__(self, *, leaves: bool) -> None:
        """Leave leases to end only if ``leaves``."""
        self.settling = False
        self._leaves = leaves

    def choose(self, *, doomed: bool) -> Choice:
        """What to do with one message."""
        if doomed:
            return Choice.REFUSE
        drawn = random.random()
        if self.settling or drawn >= REFUSE_RATE + LEAVE_RATE:
            return Choice.ACK
        return Choice.LEAVE if self._leaves and drawn < LEAVE_RATE else Choice.REFUSE
