"""What one subscription could give away now, in the order in which it will."""

from collections import deque
from typing import Protocol

from pubsubctl.emulator.embedded.message import Message


class Room:
    """How much one taker still accepts; counts down as messages are put in."""

    __slots__ = ("_empty", "_first", "messages", "response_size", "size")

    def __init__(self, messages: int, size: float, *, response_size: float, empty: bool) -> None:
        """Start to count.

        Args:
            messages: how many it accepts.
            size: how many bytes it accepts.
            response_size: how many bytes one response may have, unless its first message alone is larger.
            empty: it holds nothing, and so accepts one message of any size.
        """
        self.messages = messages
        self.size = size
        self.response_size = response_size
        self._empty = empty
        self._first = True

    def accepts(self, message: Message) -> bool:
        """Whether ``message`` fits."""
        return (
            self.messages > 0
            and (message.size <= self.size or self._empty)
            and (message.size <= self.response_size or self._first)
        )

    def put(self, message: Message) -> None:
        """Count ``message``."""
        self.messages -= 1
        self.size -= message.size
        self.response_size -= message.size
        self._empty = self._first = False


class Ready(Protocol):
    """Messages with their bodies here, none of them leased."""

    size: int

    def __len__(self) -> int: ...

    def put(self, message: Message) -> None:
        """Add a message that was never given away."""

    def put_back(self, messages: list[Message]) -> None:
        """Add messages that were given away and came back."""

    def take(self, room: Room) -> list[Message]:
        """Remove and return what fits into ``room``."""

    def forget(self, message: Message) -> None:
        """Leave out a message that was settled while it waited."""

    def settled(self, message: Message) -> None:
        """A message that had been taken needs no more deliveries."""

    def held_behind(self, message: Message) -> list[Message]:
        """The messages in others' hands that must come again when ``message`` does."""


class Unordered:
    """First in, first out, but what came back takes turns with what is new, so that neither starves the other."""

    def __init__(self) -> None:
        self._new: deque[Message] = deque()
        self._back: deque[Message] = deque()
        self._count = 0
        self.size = 0

    def __len__(self) -> int:
        return self._count

    def put(self, message: Message) -> None:
        """Add a message that was never given away."""
        self._new.append(message)
        self._count += 1
        self.size += message.size

    def put_back(self, messages: list[Message]) -> None:
        """Add messages that were given away and came back."""
        self._back.extend(messages)
        self._count += len(messages)
        self.size += sum(message.size for message in messages)

    def take(self, room: Room) -> list[Message]:
        """Remove and return what fits into ``room``."""
        taken: list[Message] = []
        queue = self._back or self._new
        while queue:
            message = queue[0]
            if message.done:
                queue.popleft()
            elif room.accepts(message):
                queue.popleft()
                room.put(message)
                taken.append(message)
            else:
                break
            queue = self._other(queue)
        self._count -= len(taken)
        self.size -= sum(message.size for message in taken)
        return taken

    def _other(self, queue: deque[Message]) -> deque[Message]:
        """Whose turn it is after ``queue``'s."""
        other = self._new if queue is self._back else self._back
        return other or queue

    def forget(self, message: Message) -> None:
        """Leave out a message that was settled while it waited."""
        message.done = True
        self._count -= 1
        self.size -= message.size

    def settled(self, message: Message) -> None:
        """No message waits for another."""

    def held_behind(self, message: Message) -> list[Message]:  # noqa: ARG002 - as above
        """None: no message waits for another."""
        return []
