"""The rule of ordering keys (cloud.google.com/pubsub/docs/ordering), as a subscriber can see it kept. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable


class Order:
    """The messages of each key, by the emulator's ids, which rise in the order of the log.

    A message arrives for the first time after all earlier ones of its key have arrived. One that arrives again is the
    begin of a run: what follows it goes on from there, and leaves out only what the subscriber has acknowledged.
    """

    def __init__(self, is_acked: Callable[[int], bool]) -> None:
        self._is_acked = is_acked
        self._arrived: dict[str, list[int]] = {}
        self._last: dict[str, int] = {}

    def arrive(self, key: str, message_id: int) -> str | None:
        """Take note of a delivery; what is wrong with it, if anything is."""
        arrived = self._arrived.setdefault(key, [])
        last = self._last.get(key, 0)
        self._last[key] = message_id
        index = bisect_left(arrived, message_id)
        if index == len(arrived):
            arrived.append(message_id)
        elif arrived[index] != message_id:
            arrived.insert(index, message_id)
            return f"{message_id} of key {key} came for the first time after {arrived[-1]}"
        left_out = [one for one in arrived[bisect_right(arrived, last) : index] if not self._is_acked(one)]
        if left_out:
            return f"{message_id} of key {key} came after {last}, but {left_out[:5]} between them were not acknowledged"
        return None
