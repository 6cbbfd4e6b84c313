"""When a child that has died is followed by another. Pure but for the clock that it is told."""

_BOOT_TRIES = 3
_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.1, 30.0
_MOST_DOUBLINGS = 10


class Respawn:
    """Plans the starts of children: at once, and later and later while none of them lives to end a job."""

    def __init__(self, children: int) -> None:
        self._starts = [0.0] * children
        self._early_deaths = 0
        self._given_up = False

    @property
    def next_start(self) -> float | None:
        """When the next child is to be started; None when none is missing."""
        return min(self._starts, default=None)

    def take(self, now: float) -> bool:
        """Whether a child is to be started now; that start is then no longer planned."""
        if not self._starts or min(self._starts) > now:
            return False
        self._starts.remove(min(self._starts))
        return True

    def later(self, start: float) -> None:
        """Plan a start, unless the application was given up."""
        if not self._given_up:
            self._starts.append(start)

    def proved(self) -> None:
        """A child has ended a job: the application runs."""
        self._early_deaths = 0

    def died(self, now: float, *, ready: bool, done: int) -> bool:
        """A child has died by itself: plan another.

        Args:
            now: the clock's time.
            ready: it had loaded the application.
            done: how many jobs it had ended.

        Returns:
            False if the application cannot be loaded, as several children in a row have shown.
        """
        if done == 0:
            self._early_deaths += 1
        if not ready and self._early_deaths >= _BOOT_TRIES:
            return False
        doublings = min(self._early_deaths - 1, _MOST_DOUBLINGS)
        pause = _FIRST_PAUSE_S * 2**doublings if self._early_deaths else 0.0
        self.later(now + min(pause, _LAST_PAUSE_S))
        return True

    def give_up(self) -> None:
        """Start no more."""
        self._given_up = True
        self._starts.clear()

    def resume(self, missing: int) -> None:
        """Begin anew, as the application may be another: ``missing`` children are to be started."""
        self._given_up = False
        self._early_deaths = 0
        self._starts = [0.0] * missing
