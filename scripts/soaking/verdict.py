"""What can be said at the end alone: what was lost, and what came of the dead letters. Pure."""

from collections.abc import Callable, Iterator
from itertools import pairwise

from soaking.delivery import Violation
from soaking.ledger import Ledger
from soaking.scene import Scene, Subscription

Excuse = Callable[[str], bool]


def missing(scene: Scene, subscription: Subscription, excused: Excuse) -> list[str]:
    """The own ids of messages that were answered and not both delivered and acknowledged where they should have been.

    Args:
        scene: what is going on.
        subscription: where they should have come.
        excused: tells which messages a seek may have dropped, by own id.
    """
    ledger = subscription.ledger
    if subscription is scene.buried:
        return _not_buried(scene, ledger)
    gone = set(scene.buried.ledger.owns()) if subscription is scene.mortal else set()
    not_done = (own for own, message_id in scene.expected(subscription) if not ledger.is_done(message_id))
    return [own for own in not_done if own not in gone and not (subscription is scene.replay and excused(own))]


def _not_buried(scene: Scene, ledger: Ledger) -> list[str]:
    """Those that are always refused and are no dead letters, and dead letters that were not acknowledged."""
    done = ledger.owns_done()
    doomed = (own for own, one in scene.dying.published.sure().items() if one.doomed)
    return [own for own in {*doomed, *ledger.owns()} if own not in done]


def noted(scene: Scene) -> list[Violation]:
    """What was noted on the way."""
    return [violation for one in scene.subscriptions for violation in one.ledger.violations]


def found(scene: Scene, excused: Excuse) -> list[Violation]:
    """What is wrong when all has been drained; the arguments are those of ``missing``."""
    wrong: list[Violation] = []
    for one in scene.subscriptions:
        wrong += [Violation(one.id, "lost", own) for own in missing(scene, one, excused)]
        if one.ledger.is_ordered:
            wrong += _out_of_order(one)
    return wrong + list(_badly_buried(scene.mortal.ledger, scene.buried.ledger))


def _out_of_order(subscription: Subscription) -> Iterator[Violation]:
    """The publisher's order is that of the log, but for what was published a second time."""
    for key, owns in subscription.ledger.by_key().items():
        firsts = list(dict.fromkeys(owns))
        if firsts != sorted(firsts):
            wrong = next(pair for pair in pairwise(firsts) if pair[0] > pair[1])
            yield Violation(subscription.id, "published out of order", f"key {key}: {wrong}")


def _badly_buried(source: Ledger, letters: Ledger) -> Iterator[Violation]:
    for own in letters.owns():
        copies, buried = source.copies(own), letters.copies(own)
        if len(buried) > max(1, len(copies)):
            yield Violation(letters.name, "buried twice", f"{own}: {buried}; messages {copies}")
        if len(copies) == 1 and copies[0].stamp.run > min(one.stamp.run for one in buried):
            yield Violation(source.name, "came again after it was buried", f"{own}: {copies[0]}; {buried}")
