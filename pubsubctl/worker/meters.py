"""What a worker counts as it works: plain numbers, which cost next to nothing and need no library.

Each is written by one thread alone, or under its owner's lock; whoever shows them may read at any time.
"""

from bisect import bisect_left
from collections import Counter

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
_SIZES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)


class Histogram:
    """How often a value fell below each of some bounds.

    Attributes:
        bounds: upper bounds, inclusive, rising; above the last one there is one bucket more.
        counts: how many values fell into each bucket alone.
        total: the sum of all values.
    """

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Meters:
    """The numbers of one worker since its start.

    Attributes:
        deliveries: messages that arrived.
        redeliveries: those of them that the broker says it has sent before, as it does where there is a dead-letter
            policy.
        refusals: claims that were not granted, by refusal.
        attempts: attempts that ended, by how: the state recorded, with ``late`` for those refused,
            ``released``, and ``lost`` for those stopped since they were cancelled, or taken over.
        durations: how long attempts ran, in seconds.
        queue_times: from the publish of a message to the claim of its job, in seconds.
        commit_sizes: writes that shared a commit.
        commit_times: how long commits took, in seconds.
        streams: how often a stream was opened.
        child_deaths: children that died by themselves.
    """

    def __init__(self) -> None:
        self.deliveries = 0
        self.redeliveries = 0
        self.refusals: Counter[str] = Counter()
        self.attempts: Counter[str] = Counter()
        self.durations = Histogram(_SECONDS)
        self.queue_times = Histogram(_SECONDS)
        self.commit_sizes = Histogram(_SIZES)
        self.commit_times = Histogram(_SECONDS)
        self.streams = 0
        self.child_deaths = 0
