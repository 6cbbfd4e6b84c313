"""The table of a soak."""

from collections import Counter

from soaking.delivery import Violation
from soaking.scene import Scene, Subscription
from soaking.soak import Soak

REASONS = ("restart", "refused", "ack lost", "fault", "seek", "no reason")
SHOWN = 10


def table(soak: Soak, violations: list[Violation]) -> str:
    """What was counted, and what must not have happened."""
    parts = [_topics(soak.scene), _subscriptions(soak.scene), _totals(soak), _ending(soak), _wrong(violations)]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _topics(scene: Scene) -> list[str]:
    lines = [_line("topic", ["published", "answered", "uncertain"])]
    for topic in scene.topics:
        started, answered = topic.published.count()
        lines.append(_line(topic.id, [started, answered, topic.published.failed]))
    return lines


def _subscriptions(scene: Scene) -> list[str]:
    head = ["messages", "deliveries", *REASONS, "twice", "confirmed"]
    return [_line("subscription", head), *(_line(one.id, _counts(one)) for one in scene.subscriptions)]


def _counts(subscription: Subscription) -> list[object]:
    ledger = subscription.ledger
    again = [ledger.again[reason] for reason in REASONS]
    return [len(ledger), ledger.deliveries, *again, ledger.published_twice(), ledger.acks["confirmed"]]


def _totals(soak: Soak) -> list[str]:
    broker, replayed = soak.broker, soak.replaying.done
    acks: Counter[str] = sum((one.ledger.acks for one in soak.scene.subscriptions), Counter())
    said = ", ".join(f"{count:,} {name}" for name, count in sorted(acks.items()) if name != "confirmed")
    doomed = sum(one.doomed for one in soak.scene.dying.published.sure().values())
    return [
        "Deliveries after the first, by reason; fault: by --chaos, or behind a message of its key that came again.",
        "Twice: published again by a client that lost the answer. Confirmed: acks that are sure to have settled.",
        "",
        f"kills: {broker.life}",
        f"starts: median {broker.median_restart_s():.2f} s, at most {max(broker.restarts_s):.2f} s",
        f"RSS at the end of a life: at most {max(broker.rss_mib, default=0):.0f} MiB",
        f"dead letters: {len(soak.scene.buried.ledger.owns()):,}; messages that are always refused: {doomed:,}",
        f"seeks: {replayed['snapshot']} to snapshots, {replayed['time']} to times, to bring back {replayed['again']:,}",
        f"acks: {said}",
    ]


def _ending(soak: Soak) -> list[str]:
    if soak.broken:
        return [f"broken: {soak.broken}"]
    return [] if soak.drained else ["not all had come when the soak ended"]


def _wrong(violations: list[Violation]) -> list[str]:
    by_rule: dict[tuple[str, str], list[str]] = {}
    for one in violations:
        by_rule.setdefault((one.where, one.rule), []).append(one.what)
    lines = [f"violations: {len(violations)}"]
    for (where, rule), whats in by_rule.items():
        lines += [f"{where}: {rule}: {len(whats)}", *(f"    {what}" for what in whats[:SHOWN])]
    return lines


def _line(title: str, cells: list[object]) -> str:
    return f"{title:<16}" + "".join(f"{cell:>12,}" if isinstance(cell, int) else f"{cell:>12}" for cell in cells)
