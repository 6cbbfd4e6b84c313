"""Whose turn it is among the deliveries of a key, and which of those that wait are given back to make room."""

import math
from types import SimpleNamespace

from pubsubctl.worker.delivery import Delivery
from pubsubctl.worker.ordering import Turns


def delivery(name: str, attempt: int = 1) -> Delivery:
    message = SimpleNamespace(message_id=name, ordering_key=name[0], delivery_attempt=attempt)
    return Delivery(message, None)  # type: ignore[arg-type] - all that is asked of a message


def arrived(*names: str, attempt: int = 1) -> tuple[Turns, list[str]]:
    """Turns that have taken these, and those whose turn it was at once; a name begins with its key."""
    turns = Turns()
    return turns, [name for name in names if turns.take(delivery(name, attempt))]


def names(deliveries: list[Delivery]) -> list[str]:
    return [each.message.message_id for each in deliveries]


def line(turns: Turns, key: str) -> list[str]:
    """Those that wait of a key, as they get the turn."""
    found = []
    while (following := turns.end(key)) is not None:
        found.append(following.message.message_id)
    return found


def test_one_of_a_key_has_the_turn_and_the_others_have_it_in_their_order():
    turns, first = arrived("a1", "b1", "a2", "b2", "a3")
    assert first == ["a1", "b1"]
    assert line(turns, "a") == ["a2", "a3"]
    assert turns.take(delivery("a4")), "nothing of the key is in hand"


def test_the_half_that_is_furthest_from_its_turn_is_given_back_and_what_stays_has_no_hole():
    turns, _ = arrived("a1", "a2", "a3", "a4", "b1", "b2", "c1")
    assert names(turns.thin_out(math.inf)) == ["a3", "a4"]
    assert (line(turns, "a"), line(turns, "b")) == (["a2"], ["b2"])


def test_again_and_again_all_of_them_are_given_back_but_for_those_that_have_the_turn():
    turns, _ = arrived(*(f"a{number}" for number in range(10)))
    given: list[str] = []
    while taken := turns.thin_out(math.inf):
        given = names(taken) + given
    assert given == [f"a{number}" for number in range(1, 10)]
    assert not turns.take(delivery("a10")), "the first is still in hand"


def test_what_was_delivered_very_often_is_kept():
    turns, _ = arrived("a1", "a2", "a3", attempt=51)
    assert turns.thin_out(50) == []
    assert names(turns.thin_out(51)) == ["a2", "a3"][1:]
    assert line(turns, "a") == ["a2"]


def test_the_others_of_a_key_can_be_left_to_whoever_gets_the_first():
    turns, _ = arrived("a1", "a2", "b1", "b2", "a3")
    assert names(turns.leave("a")) == ["a2", "a3"]
    assert turns.leave("a") == []
    assert turns.take(delivery("a4"))
    assert line(turns, "b") == ["b2"]
