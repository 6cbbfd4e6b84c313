"""The soak in its short form, and that each of its rules notices what it is for."""

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
sys.path.append(str(SCRIPTS))

from soaking import verdict  # noqa: E402
from soaking.delivery import Delivery, Stamp, message_of, stamp_of  # noqa: E402
from soaking.ledger import Ledger  # noqa: E402
from soaking.publications import Publication  # noqa: E402
from soaking.scene import Scene, Topic  # noqa: E402

# No dropped acks: what a stream then holds leased comes again after a minute, which is longer than this may take.
FAULTS = "duplicate=0.05,nack=0.05,delay=5ms,disconnect=0.02,unavailable=0.05"


def test_under_faults_and_kill_9_nothing_is_lost_and_nothing_comes_that_must_not(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "soaking", "--minutes", "0.12", "--kill-every", "2", "--rate", "40"]
    done = subprocess.run(
        [*command, "--drain", "60", "--chaos", FAULTS, "--data", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "violations: 0" in done.stdout
    assert int(re.findall(r"kills: (\d+)", done.stdout)[0]) >= 3
    answered = {line.split()[0]: int(line.split()[2].replace(",", "")) for line in done.stdout.splitlines()[1:7]}
    assert min(answered.values()) > 10, answered


def rules(ledger: Ledger) -> list[str]:
    return [violation.rule for violation in ledger.violations]


def came(
    ledger: Ledger, message_id: int, *, run: int = 1, attempt: int = 1, own: str = "", at: float = 0.0, **fields: object
) -> None:
    stamp = Stamp(run, attempt)
    ledger.delivered(Delivery(message_id, own or f"t-1-{message_id:07d}", stamp, at, **fields))  # type: ignore[arg-type]


def settled(ledger: Ledger, message_id: int, **fields: Any) -> None:
    came(ledger, message_id, **fields)
    ledger.acked(message_id)


def test_an_ack_id_tells_which_delivery_of_which_message_it_is() -> None:
    assert stamp_of("3-9912-7-1201-2") == Stamp(7, 2)
    assert message_of("3-9912-7-1201-2") == 1201


@pytest.mark.parametrize(("run", "attempt"), [(1, 2), (2, 1)])
def test_what_comes_after_its_ack_was_confirmed_is_noticed(run: int, attempt: int) -> None:
    ledger = Ledger("s")
    came(ledger, 5)
    ledger.confirmed(5, Stamp(1, 1), 1.0)
    came(ledger, 5, run=run, attempt=attempt)
    assert rules(ledger) == ["came again after it was settled"]


def test_an_older_delivery_that_arrives_after_the_ack_of_a_newer_one_is_fine() -> None:
    ledger = Ledger("s")
    came(ledger, 5, attempt=2)
    ledger.confirmed(5, Stamp(1, 2), 1.0)
    came(ledger, 5, attempt=1)
    assert rules(ledger) == []


def test_two_confirmed_acks_are_noticed_where_delivery_is_exactly_once() -> None:
    once, plain = Ledger("once", exactly_once=True), Ledger("plain")
    for ledger in (once, plain):
        came(ledger, 5)
        ledger.confirmed(5, Stamp(1, 1), 1.0)
        ledger.confirmed(5, Stamp(1, 1), 2.0)
    assert (rules(once), rules(plain)) == (["acknowledged twice"], [])


def test_a_second_delivery_within_the_lease_is_noticed_unless_there_is_a_reason() -> None:
    ledger = Ledger("s")
    for message_id in (1, 2, 3, 4):
        came(ledger, message_id, asked_at=0.0, calm_life=0)
    ledger.refused(2)
    came(ledger, 1, attempt=2, at=1.0, asked_at=0.9, calm_life=0)
    came(ledger, 2, attempt=2, at=1.0, asked_at=0.9, calm_life=0)
    came(ledger, 3, run=2, at=1.0, asked_at=0.9, calm_life=2)
    came(ledger, 4, attempt=2, at=11.0, asked_at=10.9, calm_life=0)
    assert [(one.rule, one.what[:11]) for one in ledger.violations] == [
        ("came again while it was leased", "t-1-0000001")
    ]
    assert ledger.again == {"no reason": 1, "refused": 1, "restart": 1, "fault": 1}


def test_a_seek_to_a_snapshot_brings_back_only_what_was_acknowledged_after_it() -> None:
    ledger = Ledger("s")
    came(ledger, 1)
    ledger.confirmed(1, Stamp(1, 1), 1.0)
    came(ledger, 2)
    ledger.confirmed(2, Stamp(1, 1), 3.0)
    ledger.seek_begins()
    ledger.seek_ends(5.0, settled_before=2.0)
    came(ledger, 2, run=2)
    assert rules(ledger) == []
    came(ledger, 1, run=2)
    assert rules(ledger) == ["came again after it was settled"]


def test_an_ack_while_a_seek_is_under_way_proves_nothing() -> None:
    ledger = Ledger("s")
    came(ledger, 1)
    ledger.seek_begins()
    ledger.confirmed(1, Stamp(1, 1), 2.0)
    came(ledger, 1, run=2, asked_at=3.0)
    ledger.seek_ends(5.0)
    came(ledger, 1, run=3, asked_at=6.0)
    assert rules(ledger) == []
    ledger.confirmed(1, Stamp(3, 1), 7.0)
    came(ledger, 1, run=4, asked_at=8.0)
    assert rules(ledger) == ["came again after it was settled"]


def test_a_seek_to_a_time_settles_what_was_published_before() -> None:
    ledger = Ledger("s")
    came(ledger, 1, published_at=100.0)
    came(ledger, 2, published_at=200.0)
    ledger.seek_begins()
    ledger.seek_ends(5.0, dropped_before=150.0)
    came(ledger, 1, run=2, asked_at=4.0)
    came(ledger, 2, run=2, asked_at=6.0)
    assert rules(ledger) == []
    came(ledger, 1, run=2, attempt=2, asked_at=6.0)
    assert rules(ledger) == ["came again after it was settled"]


@pytest.mark.parametrize(
    ("arrivals", "acked", "is_fine"),
    [
        ([1, 2, 3], [], True),
        ([1, 2, 3, 2, 3, 4], [], True),
        ([1, 2, 3, 1, 3], [2], True),
        ([1, 2, 3, 1, 3], [], False),
        ([1, 3, 2], [], False),
    ],
)
def test_the_order_of_a_key_may_only_start_again(arrivals: list[int], acked: list[int], is_fine: bool) -> None:
    ledger = Ledger("s", ordered=True)
    for attempt, message_id in enumerate(arrivals):
        came(ledger, message_id, attempt=attempt, key="k")
        came(ledger, 100 + message_id, attempt=attempt, key="other")
        for one in acked:
            if ledger.has(one):
                ledger.acked(one)
                ledger.acked(100 + one)
    assert (rules(ledger) == []) is is_fine


@pytest.fixture
def scene() -> Scene:
    return Scene()


def publish(topic: Topic, message_id: int, *, doomed: bool = False) -> str:
    own = f"{topic.id}-1-{message_id:07d}"
    topic.published.started(own, Publication(10, started_at=float(message_id), doomed=doomed))
    topic.published.answered(own, message_id, 0.0)
    return own


def all_come(scene: Scene, but: Iterable[str] = ()) -> None:
    """Deliver all that was published wherever it should come, but to the subscriptions named."""
    for subscription in scene.subscriptions:
        for own, message_id in scene.expected(subscription):
            if subscription.id not in but:
                settled(subscription.ledger, message_id, own=own)


def found(scene: Scene, excused: Iterable[str] = ()) -> list[tuple[str, str, str]]:
    return [(one.where, one.rule, one.what) for one in verdict.found(scene, lambda own: own in excused)]


def test_what_never_came_is_lost(scene: Scene) -> None:
    even, odd = publish(scene.plain, 10), publish(scene.plain, 11)
    all_come(scene, but=["plain-pull", "filtered"])
    assert found(scene) == [
        ("plain-pull", "lost", even),
        ("plain-pull", "lost", odd),
        ("filtered", "lost", even),
    ]


def test_what_a_seek_may_have_dropped_is_not_lost(scene: Scene) -> None:
    dropped, lost = publish(scene.replayed, 10), publish(scene.replayed, 11)
    assert found(scene, excused=[dropped]) == [("replay", "lost", lost)]


def test_what_was_buried_is_not_lost_and_what_is_always_refused_must_be_buried(scene: Scene) -> None:
    buried, refused = publish(scene.dying, 10), publish(scene.dying, 11, doomed=True)
    came(scene.mortal.ledger, 11, own=refused)
    settled(scene.mortal.ledger, 10, own=buried)
    settled(scene.buried.ledger, 900, own=buried)
    assert ("buried", "lost", refused) in found(scene)


def test_a_dead_letter_comes_once_and_nothing_after_it(scene: Scene) -> None:
    for number in (10, 11, 12):
        own = publish(scene.dying, number, doomed=True)
        came(scene.mortal.ledger, number, own=own, run=3 if number == 12 else 1)
        settled(scene.buried.ledger, 900 + number, own=own, run=2)
    settled(scene.buried.ledger, 990, own="dying-1-0000010", run=2)
    assert [found[:2] for found in found(scene)] == [
        ("buried", "buried twice"),
        ("dying", "came again after it was buried"),
    ]


def test_two_dead_letters_of_what_was_published_twice_are_fine(scene: Scene) -> None:
    own = publish(scene.dying, 10, doomed=True)
    for message_id in (10, 20):
        came(scene.mortal.ledger, message_id, own=own)
        settled(scene.buried.ledger, 900 + message_id, own=own)
    assert found(scene) == []


def test_messages_of_a_key_that_lie_in_the_log_in_another_order_are_noticed(scene: Scene) -> None:
    ledger = next(one.ledger for one in scene.subscriptions if one.id == "ordered-stream")
    for message_id, number in ((1, 1), (2, 2), (3, 1), (4, 3)):
        came(ledger, message_id, own=f"keyed-1-{number:07d}", key="k")
    assert found(scene) == []
    came(ledger, 5, own="keyed-1-0000000", key="k")
    assert [one[:2] for one in found(scene)] == [("ordered-stream", "published out of order")]
