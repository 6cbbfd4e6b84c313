"""How many jobs a child may hold beyond its slots: some milliseconds' worth. Pure."""

_AHEAD_S = 0.04
_MOST_AHEAD = 400
_WEIGHT = 0.2
"""Of the newest job in the mean of what jobs take."""


class Pace:
    """Learns how long jobs take; at first it takes them for long.

    Attributes:
        mean_s: what a job takes, by the latest of them.
        ahead: how many jobs may wait in a child.
    """

    def __init__(self) -> None:
        self.mean_s = _AHEAD_S
        self.ahead = 0

    def learn(self, seconds: float) -> None:
        """A job has taken so long."""
        self.mean_s += _WEIGHT * (seconds - self.mean_s)
        self.ahead = min(_MOST_AHEAD, int(_AHEAD_S / max(self.mean_s, _AHEAD_S / _MOST_AHEAD)))
        if self.mean_s >= _AHEAD_S:
            self.ahead = 0

    def slow_down(self) -> None:
        """One of them takes long: give nothing ahead until the next have shown that they are short."""
        self.mean_s = max(self.mean_s, _AHEAD_S)
        self.ahead = 0
