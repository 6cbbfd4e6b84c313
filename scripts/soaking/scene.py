"""The topics and subscriptions of the soak, and how each is used."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.duration_pb2 import Duration

from soaking.content import EVEN, is_even
from soaking.ledger import Ledger
from soaking.publications import Publications

PROJECT = "projects/soak"
BURIED = "buried"
ATTEMPTS = 5


def everything(_own: str) -> bool:
    """What a subscription without a filter accepts."""
    return True


@dataclass
class Topic:
    """A topic, how it is published to, and what was.

    Attributes:
        id: the last part of its name.
        size: bytes of data of each message.
        share: messages for each of a topic of usual size.
        keys: how many ordering keys there are, if any.
        doomed: which part of the messages is refused until it is buried.
        bare: whether requests are made by hand, without the client's batches and retries.
    """

    id: str
    size: int = 100
    share: float = 1.0
    keys: int = 0
    doomed: float = 0.0
    bare: bool = False
    published: Publications = field(default_factory=Publications)

    @property
    def name(self) -> str:
        """The resource name."""
        return f"{PROJECT}/topics/{self.id}"


@dataclass
class Subscription:
    """A subscription, how it is consumed, and its ledger.

    Attributes:
        id: the last part of its name.
        topic: what it is subscribed to.
        streams: whether it is consumed by streams rather than by pulls.
        accepts: which messages are for it, by own id.
        held: how many messages a pull consumer takes before it acknowledges any.
        settings: of the Subscription message.
    """

    id: str
    topic: Topic
    streams: bool = False
    accepts: Callable[[str], bool] = everything
    held: int = 50
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        exactly_once = bool(self.settings.get("enable_exactly_once_delivery"))
        ordered = bool(self.settings.get("enable_message_ordering"))
        self.ledger = Ledger(self.id, exactly_once=exactly_once, ordered=ordered)

    @property
    def name(self) -> str:
        """The resource name."""
        return f"{PROJECT}/subscriptions/{self.id}"


class Scene:
    """All of them."""

    def __init__(self) -> None:
        self.plain = Topic("plain")
        self.bare = Topic("bare", bare=True)
        self.keyed = Topic("keyed", keys=20)
        self.dying = Topic("dying", doomed=0.03)
        self.replayed = Topic("replayed", share=0.5)
        self.large = Topic("large", size=20_000, share=0.2)
        self.graveyard = Topic(BURIED)
        self.replay = Subscription("replay", self.replayed, settings={"retain_acked_messages": True})
        self.mortal = Subscription("dying", self.dying, streams=True, settings=_mortal(self.graveyard))
        self.buried = Subscription(BURIED, self.graveyard)
        self.subscriptions = [*self._usual(), self.replay, self.mortal, self.buried]

    @property
    def topics(self) -> list[Topic]:
        """Those that are published to by us."""
        return [self.plain, self.bare, self.keyed, self.dying, self.replayed, self.large]

    def expected(self, subscription: Subscription) -> Iterator[tuple[str, int]]:
        """Own ids and message ids of all that was answered and is for this subscription."""
        for own, publication in subscription.topic.published.sure().items():
            if subscription.accepts(own):
                assert publication.message_id is not None
                yield own, publication.message_id

    def _usual(self) -> list[Subscription]:
        ordered, once = {"enable_message_ordering": True}, {"enable_exactly_once_delivery": True}
        return [
            Subscription("plain-stream", self.plain, streams=True),
            Subscription("plain-pull", self.plain),
            Subscription("filtered", self.plain, accepts=is_even, settings={"filter": EVEN}),
            Subscription("once-stream", self.bare, streams=True, settings=once),
            Subscription("once-pull", self.bare, settings=once),
            Subscription("ordered-stream", self.keyed, streams=True, settings=ordered),
            Subscription("ordered-pull", self.keyed, settings=ordered),
            Subscription("ordered-once", self.keyed, streams=True, settings={**ordered, **once}),
            Subscription("large", self.large, held=2_000),
        ]


def _mortal(graveyard: Topic) -> dict[str, Any]:
    return {
        "dead_letter_policy": {"dead_letter_topic": graveyard.name, "max_delivery_attempts": ATTEMPTS},
        "retry_policy": {
            "minimum_backoff": Duration(nanos=100_000_000),
            "maximum_backoff": Duration(seconds=1),
        },
    }
