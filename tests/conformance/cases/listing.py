"""Lists and their pages."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any

from harness.case import SAME, Case
from harness.expected import Refused
from harness.kit import Kit
from harness.sources import PAGINATION, SANE, UNDOCUMENTED, reference

from cases.schemas import created


@dataclass(frozen=True)
class Listing:
    """How one kind of resource is made and listed; ``make`` returns five names and the request's scope."""

    rpc: str
    field: str
    make: Callable[[Kit], tuple[list[str], dict[str, str]]]

    def pages(self, kit: Kit, scope: dict[str, str], size: int) -> list[list[str]]:
        """All pages, as names."""
        pages: list[list[str]] = []
        token = ""
        while not pages or token:
            response = kit.call(self.rpc, **scope, page_size=size, page_token=token)
            pages.append([one if isinstance(one, str) else one.name for one in getattr(response, self.field)])
            token = response.next_page_token
        return pages


def _topics(kit: Kit) -> Any:
    return [kit.topic() for _ in range(5)], {"project": f"projects/{kit.project}"}


def _subscriptions(kit: Kit) -> Any:
    return [kit.subscription() for _ in range(5)], {"project": f"projects/{kit.project}"}


def _of_topic(kit: Kit) -> Any:
    topic = kit.topic()
    return [kit.subscription(topic) for _ in range(5)], {"topic": topic}


def _snapshot(kit: Kit, subscription: str) -> str:
    return kit.call("CreateSnapshot", name=kit.name("snapshots"), subscription=subscription).name


def _snapshots(kit: Kit) -> Any:
    subscription = kit.subscription()
    return [_snapshot(kit, subscription) for _ in range(5)], {"project": f"projects/{kit.project}"}


def _snapshots_of_topic(kit: Kit) -> Any:
    topic, subscription = kit.pair()
    _snapshot(kit, kit.subscription())
    return [_snapshot(kit, subscription) for _ in range(5)], {"topic": topic}


def _schemas(kit: Kit) -> Any:
    return [created(kit, id_=f"schema-{n}").name for n in range(5)], {"parent": f"projects/{kit.project}"}


LISTINGS = [
    Listing("ListTopics", "topics", _topics),
    Listing("ListSubscriptions", "subscriptions", _subscriptions),
    Listing("ListTopicSubscriptions", "subscriptions", _of_topic),
    Listing("ListSnapshots", "snapshots", _snapshots),
    Listing("ListTopicSnapshots", "snapshots", _snapshots_of_topic),
    Listing("ListSchemas", "schemas", _schemas),
]


def _complete(listing: Listing) -> Case:
    def run(kit: Kit) -> bool:
        names, scope = listing.make(kit)
        [got] = listing.pages(kit, scope, 0)
        return sorted(got) == sorted(names)

    return Case(
        f"{listing.rpc}-all",
        f"{listing.rpc}: is it all five, and nothing else?",
        run,
        documented=True,
        source=_source(listing),
    )


def _paged(listing: Listing) -> Case:
    """Five in pages of two: all of them, none twice."""

    def run(kit: Kit) -> Any:
        names, scope = listing.make(kit)
        pages = listing.pages(kit, scope, 2)
        return [len(page) for page in pages], sorted(chain.from_iterable(pages)) == sorted(names)

    what = f"{listing.rpc} in pages of 2: their sizes; is it all five?"
    return Case(f"{listing.rpc}-paged", what, run, ([2, 2, 1], True), _source(listing))


def _source(listing: Listing) -> str:
    return reference(f"{listing.rpc}Request.page_size")


def _topics_with(id_: str, what: str, documented: object, source: str, google: object = SAME, **request: Any) -> Case:
    def run(kit: Kit) -> int:
        _topics(kit)
        fields = {"project": f"projects/{kit.project}", **request}
        return len(kit.call("ListTopics", **fields).topics)

    return Case(id_, f"ListTopics of five {what}", run, documented, source, google=google)


def _full_page(kit: Kit) -> str:
    _, scope = _topics(kit)
    return kit.call("ListTopics", **scope, page_size=5).next_page_token


def _others(kit: Kit) -> int:
    kit.topic()
    return len(kit.call("ListTopics", project=f"projects/{kit.project}-other").topics)


def _changed_meanwhile(kit: Kit) -> list[bool]:
    """The topic that the next page begins with is deleted."""
    names, scope = _topics(kit)
    first = kit.call("ListTopics", **scope, page_size=2)
    kit.call("DeleteTopic", topic=sorted(names)[2])
    rest = kit.call("ListTopics", **scope, page_size=5, page_token=first.next_page_token).topics
    return [one.name in sorted(names)[3:] for one in rest]


FAILED = Refused("UNKNOWN", "Application error processing RPC")
PAGE_SIZE = reference("ListTopicsRequest.page_size")
PROJECT = reference("ListTopicsRequest.project")

CASES = [
    *map(_complete, LISTINGS),
    *map(_paged, LISTINGS),
    _topics_with("size-5", "with page_size 5", 5, PAGE_SIZE, page_size=5),
    _topics_with("size-large", "with page_size 100,000", 5, PAGE_SIZE, page_size=100_000),
    _topics_with(
        "size-negative", "with page_size -1", Refused("INVALID_ARGUMENT", "page"), PAGINATION, 5, page_size=-1
    ),
    _topics_with("bad-token", "with a page token that is none", 5, UNDOCUMENTED, page_token="garbage"),
    _topics_with(
        "bad-project",
        "with project nonsense",
        Refused("INVALID_ARGUMENT", "nonsense"),
        SANE,
        FAILED,
        project="nonsense",
    ),
    _topics_with("no-project", "without a project", Refused("INVALID_ARGUMENT"), SANE, FAILED, project=""),
    Case(
        "full-page",
        "The token after a page of 5 of five",
        _full_page,
        "",
        reference("ListTopicsResponse.next_page_token"),
    ),
    Case("other-project", "ListTopics of a project that has none", _others, 0, PROJECT),
    Case(
        "changed",
        "The next page when the topic it begins with was deleted: is it the later two?",
        _changed_meanwhile,
        [True, True],
        PAGE_SIZE,
    ),
]
