"""When the emulator is killed, and how it comes back."""

import random
import time

from soaking.broker import BrokerProcess

SPREAD = (0.6, 1.4)
AT_ONCE_RATE = 0.15
AT_ONCE_S = (0.0, 1.5)
DOWN_S = (0.0, 0.4)
MOMENTS = {"publish": 0.5, "ack": 0.5, "seek": 10.0, "snapshot": 10.0, "any": 0.0}
"""What was just answered when it is killed, and for how many seconds that is waited for."""
WEIGHTS = (4, 4, 2, 2, 1)


class Kills:
    """Kills it after about as long as it is told, and now and then again at once, while it is still loading.

    Mostly that is just after it answered for something, since that is what it has to keep.
    """

    def __init__(self, broker: BrokerProcess, every_s: float) -> None:
        self._broker = broker
        self._every_s = every_s
        self._plan()

    def is_due(self) -> bool:
        """Whether it has lived for long enough."""
        return time.monotonic() > self._due

    def kill_at_a_moment(self) -> None:
        """Kill it at one of the moments, or when that does not come; start it again.

        Raises:
            Died: it does not run or does not start.
        """
        moment = random.choices(list(MOMENTS), WEIGHTS)[0]
        self._broker.note_rss()
        self._broker.arm(moment)
        give_up = time.monotonic() + MOMENTS[moment]
        while time.monotonic() < give_up and not self._broker.is_killed:
            time.sleep(0.01)
        self.restart()

    def restart(self, *, chaos: str | None = None) -> None:
        """Kill it now and start it again.

        Args:
            chaos: the faults of its next life, unless these are to be those whose turn it is.

        Raises:
            Died: it does not run or does not start.
        """
        self._broker.kill()
        time.sleep(random.uniform(*DOWN_S))
        self._broker.start(chaos=chaos)
        self._plan()

    def _plan(self) -> None:
        is_soon = random.random() < AT_ONCE_RATE
        lives_s = random.uniform(*AT_ONCE_S) if is_soon else self._every_s * random.uniform(*SPREAD)
        self._due = time.monotonic() + lives_s
