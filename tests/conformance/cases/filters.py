"""Filters: what they are written in, and which messages they let through."""

import datetime as dt
from typing import Any

from harness.case import Case
from harness.expected import Known, Refused
from harness.kit import Kit
from harness.sources import FILTERS

MESSAGES: dict[str, dict[str, str]] = {
    "none": {},
    "a=": {"a": ""},
    "a=b": {"a": "b"},
    "a=bc": {"a": "bc"},
    "a=c": {"a": "c"},
    "a=B": {"a": "B"},
    "A=b": {"A": "b"},
    "a=b c=d": {"a": "b", "c": "d"},
    "c=d": {"c": "d"},
    "k-1=b": {"k-1": "b"},
    "x/y=z": {"x/y": "z"},
    "み=?": {"み": "?"},
    "quotes": {"q": '"\\'},
}
ALL = sorted(MESSAGES)
EVERY = Known(ALL, "all 13 messages")
WITH_A = ["a=", "a=B", "a=b", "a=b c=d", "a=bc", "a=c"]


def publish_all(kit: Kit, topic: str) -> None:
    """One message of each kind."""
    messages = [{"data": name.encode(), "attributes": attributes} for name, attributes in MESSAGES.items()]
    kit.call("Publish", topic=topic, messages=messages)


def _let_through(id_: str, filter_: str, documented: list[str]) -> Case:
    def run(kit: Kit) -> list[str]:
        topic, subscription = kit.pair(filter=filter_)
        publish_all(kit, topic)
        return kit.backlog(subscription)

    expected = sorted(documented)
    return Case(f"of-{id_}", f"Messages let through by `{filter_}`", run, expected, FILTERS, google=EVERY)


def _but(*names: str) -> list[str]:
    return [name for name in ALL if name not in names]


def _refused(id_: str, filter_: str, why: str) -> Case:
    def run(kit: Kit) -> str:
        kit.subscription(filter=filter_)
        return "OK"

    shown = filter_ if len(filter_) < 60 else f"{filter_[:24]}…"
    documented = Refused("INVALID_ARGUMENT", "filter")
    return Case(
        f"refused-{id_}", f"CreateSubscription with the filter `{shown}`: {why}", run, documented, FILTERS, google="OK"
    )


def _longest(kit: Kit) -> str:
    kit.subscription(filter=f'attributes.a = "{"x" * 239}"')
    return "OK"


def _streamed(kit: Kit) -> list[str]:
    topic, subscription = kit.pair(filter='attributes.a = "b"')
    stream = kit.stream(subscription)
    kit.publish(topic, "no", attributes={"a": "c"})
    kit.publish(topic, "yes", attributes={"a": "b"})
    kit.publish(topic, "last", attributes={"a": "b"})
    return _until_last(stream.data, 2)


def _until_last(data: Any, least: int) -> list[str]:
    got: list[str] = data(least)
    return got if "last" in got else data(least + 1)


def _ordered(kit: Kit) -> list[str]:
    topic, subscription = kit.pair(filter="attributes:a", enable_message_ordering=True)
    for name, attributes in (("1", {"a": ""}), ("2", {"b": ""}), ("3", {"a": ""})):
        kit.publish(topic, name, attributes=attributes, ordering_key="k")
    got = []
    while received := kit.pull_now(subscription, 1):
        got.append(received[0].message.data.decode())
        kit.ack(subscription, *received)
    return got


def _replayed(kit: Kit) -> list[str]:
    """A message that the filter does not let through counts as acknowledged, and does not come back either."""
    topic, subscription = kit.pair(filter='attributes.a = "b"', retain_acked_messages=True)
    kit.publish(topic, "no", attributes={"a": "c"})
    kit.publish(topic, "yes", attributes={"a": "b"})
    kit.ack(subscription, *kit.pull_all(subscription, 1))
    kit.call("Seek", subscription=subscription, time=dt.datetime.now(dt.UTC) - dt.timedelta(hours=1))
    return kit.backlog(subscription)


def _two_filters(kit: Kit) -> Any:
    topic = kit.topic()
    subscriptions = [kit.subscription(topic, filter=f'attributes.a = "{value}"') for value in "bc"]
    publish_all(kit, topic)
    return [kit.backlog(subscription) for subscription in subscriptions]


CASES = [
    _let_through("key", "attributes:a", WITH_A),
    _let_through("quoted-key", 'attributes:"x/y"', ["x/y=z"]),
    _let_through("key-with-dash", 'attributes.k-1 = "b"', ["k-1=b"]),
    _let_through("value", 'attributes.a = "b"', ["a=b", "a=b c=d"]),
    _let_through("value-without-spaces", 'attributes.a="b"', ["a=b", "a=b c=d"]),
    _let_through("empty-value", 'attributes.a = ""', ["a="]),
    _let_through("capitals", 'attributes.A = "b"', ["A=b"]),
    _let_through("quoted-key-value", 'attributes."x/y" = "z"', ["x/y=z"]),
    _let_through("not-value", 'attributes.a != "b"', _but("a=b", "a=b c=d")),
    _let_through("prefix", 'hasPrefix(attributes.a, "b")', ["a=b", "a=b c=d", "a=bc"]),
    _let_through("quoted-key-prefix", 'hasPrefix(attributes."x/y", "z")', ["x/y=z"]),
    _let_through("not-key", "NOT attributes:a", _but(*WITH_A)),
    _let_through("minus-key", "-attributes:a", _but(*WITH_A)),
    _let_through("not-prefix", 'NOT hasPrefix(attributes.a, "b")', _but("a=b", "a=b c=d", "a=bc")),
    _let_through("and", 'attributes.a = "b" AND attributes.c = "d"', ["a=b c=d"]),
    _let_through("or", 'attributes.a = "c" OR attributes.c = "d"', ["a=c", "a=b c=d", "c=d"]),
    _let_through("and-not", "attributes:c AND NOT attributes:a", ["c=d"]),
    _let_through("three-ors", 'attributes.a = "" OR attributes:A OR attributes:q', ["a=", "A=b", "quotes"]),
    _let_through("parentheses", '(attributes:c OR attributes.a = "c") AND attributes:a', ["a=b c=d", "a=c"]),
    _let_through("not-parentheses", "NOT (attributes:a OR attributes:c)", _but(*WITH_A, "c=d")),
    _let_through("unicode", 'attributes:"み"', ["み=?"]),
    _let_through("unicode-escape", r'attributes:"\u307f"', ["み=?"]),
    _let_through("hexadecimal-escape", r'attributes."み" = "\x3f"', ["み=?"]),
    _let_through("octal-escape", r'attributes."み" = "\077"', ["み=?"]),
    _let_through("quote-escape", r'attributes.q = "\"\\"', ["quotes"]),
    Case("longest", "CreateSubscription with a filter of 256 bytes", _longest, "OK", FILTERS),
    _refused("length", f'attributes.a = "{"x" * 240}"', "257 bytes"),
    _refused("length-utf8", f'attributes.a = "{"é" * 125}"', "267 bytes in 142 characters"),
    _refused("word", "garbage(", "no expression"),
    _refused("bare-value", "attributes.a = b", "a value without quotation marks"),
    _refused("lower-case", "attributes:a and attributes:b", "operators in lower case"),
    _refused("and-or", "attributes:a AND attributes:b OR attributes:c", "AND and OR without parentheses"),
    _refused("data", 'data = "x"', "only attributes can be filtered by"),
    _refused("attributes", "attributes", "no key"),
    _refused("comparison", 'attributes.a < "b"', "no such operator"),
    _refused("open-parenthesis", "(attributes:a", "a parenthesis is not closed"),
    _refused("open-string", 'attributes.a = "b', "a string is not closed"),
    _refused("function", 'hasSuffix(attributes.a, "b")', "no such function"),
    _refused("prefix-of-nothing", "hasPrefix(attributes.a)", "an argument is missing"),
    _refused("trailing", "attributes:a attributes:b", "two expressions without an operator"),
    _refused("dangling-operator", "attributes:a AND", "an operator without its right side"),
    Case("stream", "StreamingPull with a filter", _streamed, ["yes", "last"], FILTERS, google=["no", "yes", "last"]),
    Case(
        "two",
        "Two subscriptions of one topic, with a filter each",
        _two_filters,
        [["a=b", "a=b c=d"], ["a=c"]],
        FILTERS,
        google=[EVERY, EVERY],
    ),
    Case(
        "ordered",
        "Ordered delivery with a filter, a message at a time",
        _ordered,
        ["1", "3"],
        FILTERS,
        google=["1", "2", "3"],
    ),
    Case(
        "replayed",
        "Seek back with a filter, when all matching messages were acknowledged",
        _replayed,
        ["yes"],
        FILTERS,
        google=["no", "yes"],
    ),
]
