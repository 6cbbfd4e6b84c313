"""What the messages of the soak say. Pure."""

from dataclasses import dataclass

EVEN = 'attributes.kind = "even"'


@dataclass(frozen=True)
class Content:
    """One message by its own id: topic, publisher and number; ``doomed`` ones are refused until they are buried."""

    topic: str
    publisher: int
    number: int
    doomed: bool = False

    @property
    def own(self) -> str:
        """The own id."""
        return f"{self.topic}-{self.publisher}-{self.number:07d}"

    @property
    def attributes(self) -> dict[str, str]:
        """What filters and consumers go by."""
        fate = {"fate": "doomed"} if self.doomed else {}
        return {"own": self.own, "kind": "odd" if self.number % 2 else "even", **fate}

    def data(self, size: int) -> bytes:
        """``size`` bytes that no other message has."""
        return filled(self.own, size)


def filled(own: str, size: int) -> bytes:
    """The own id, over and over."""
    text = own.encode()
    return (text * (size // len(text) + 1))[:size]


def is_even(own: str) -> bool:
    """Whether the message with that own id is one that the filter lets through."""
    return int(own.rsplit("-", 1)[1]) % 2 == 0
