"""Ready messages where those of one ordering key are given away in the order of their publishing.

All messages of a key that are in someone's hands were given to one taker at once; the next go out when these are
settled (cloud.google.com/pubsub/docs/ordering). When one comes back, those after it that are still out come back too.
"""

from collections import deque

from pubsubctl.emulator.embedded.message import Message
from pubsubctl.emulator.embedded.ready import Room


class Line:
    """The messages of one key: ``waiting`` in order, and ``out`` in someone's hands, or delayed, by id."""

    __slots__ = ("has_turn", "key", "out", "waiting")

    def __init__(self, key: str) -> None:
        self.key = key
        self.waiting: deque[Message] = deque()
        self.out: dict[int, Message] = {}
        self.has_turn = False


class Ordered:
    """Messages with a key stand in a line of that key; each line, and each message without a key, has its turn."""

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}
        self._turns: deque[Line] = deque()
        self._count = 0
        self.size = 0

    def __len__(self) -> int:
        return self._count

    def put(self, message: Message) -> None:
        """Add a message that was never given away."""
        line = self._line(message.key)
        line.waiting.append(message)
        self._count_in(message)
        self._give_turn(line)

    def put_back(self, messages: list[Message]) -> None:
        """Add messages that were given away and came back, each in front of what follows it."""
        for message in messages:
            line = self._line(message.key)
            line.out.pop(message.id, None)
            line.waiting.insert(_place(line.waiting, message), message)
            self._count_in(message)
            self._give_turn(line)

    def take(self, room: Room) -> list[Message]:
        """Remove and return what fits into ``room``."""
        taken: list[Message] = []
        while self._turns:
            line = self._turns[0]
            given = self._take_from(line, room)
            if line.waiting and not given:
                break
            self._turns.popleft().has_turn = False
            self._drop_if_idle(line)
            taken += given
        return taken

    def forget(self, message: Message) -> None:
        """Leave out a message that was settled while it waited."""
        message.done = True
        self._count_out(message)

    def settled(self, message: Message) -> None:
        """A message that had been taken needs no more deliveries; the last one out gives its line a turn."""
        line = self._lines.get(message.key)
        if line is None or line.out.pop(message.id, None) is None:
            return
        self._give_turn(line)
        self._drop_if_idle(line)

    def held_behind(self, message: Message) -> list[Message]:
        """The later messages of the key that are out."""
        line = self._lines.get(message.key)
        return [other for other in line.out.values() if other.id > message.id] if line else []

    def _line(self, key: str) -> Line:
        """The line of ``key``; a message without a key stands alone."""
        return self._lines.setdefault(key, Line(key)) if key else Line(key)

    def _give_turn(self, line: Line) -> None:
        if line.waiting and not line.out and not line.has_turn:
            line.has_turn = True
            self._turns.append(line)

    def _drop_if_idle(self, line: Line) -> None:
        if not line.waiting and not line.out:
            self._lines.pop(line.key, None)

    def _take_from(self, line: Line, room: Room) -> list[Message]:
        taken: list[Message] = []
        while line.waiting:
            message = line.waiting[0]
            if not message.done:
                if not room.accepts(message):
                    break
                room.put(message)
                taken.append(message)
                self._count_out(message)
                if message.key:
                    line.out[message.id] = message
            line.waiting.popleft()
        return taken

    def _count_in(self, message: Message) -> None:
        self._count += 1
        self.size += message.size

    def _count_out(self, message: Message) -> None:
        self._count -= 1
        self.size -= message.size


def _place(line: deque[Message], message: Message) -> int:
    """Where in ``line``, which rises by id, ``message`` belongs: near the front, as what comes back is old."""
    for index, other in enumerate(line):
        if other.id > message.id:
            return index
    return len(line)
