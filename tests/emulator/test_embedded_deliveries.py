"""The delivery state machine, without a broker: time is a number that the test sets."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pubsubctl.emulator.embedded.deliveries import Deliveries, Window
from pubsubctl.emulator.embedded.leases import Leases
from pubsubctl.emulator.embedded.message import Message, stamp, timestamp, varint
from pubsubctl.emulator.embedded.outlet import RESPONSE_SIZE, Outlet
from pubsubctl.emulator.embedded.protocol import PubsubMessage
from pubsubctl.emulator.embedded.rules import Rules

MANY = 1_000


def make(rules: Rules | None = None, *, window: Window | None = None, **more: object) -> Deliveries:
    return Deliveries(rules or Rules(), ack_ids="1-9-1-", window=window, **{"position": 1, **more})


def body(id_: int, key: str = "", size: int = 1) -> bytes:
    message = PubsubMessage(data=b"x" * size, ordering_key=key)
    return stamp(message.SerializeToString(), id_, timestamp(1_700_000_000_000_000_000))


def offer(deliveries: Deliveries, *ids: int, keys: str = "") -> None:
    messages = [(id_, body(id_, keys[n] if keys else "")) for n, id_ in enumerate(ids)]
    deliveries.offer(messages, ids[0])


def take(deliveries: Deliveries, outlet: Outlet | None = None, *, share: int = MANY, now: float = 0) -> list[Message]:
    return deliveries.take(outlet or Outlet(), share, now)


def ids_of(messages: list[Message]) -> list[int]:
    return [message.id for message in messages]


def test_a_lease_ends_at_its_deadline_and_not_before() -> None:
    deliveries = make()
    offer(deliveries, 1, 2)
    take(deliveries, Outlet(ack_deadline_s=10), now=100)
    assert deliveries.next_event() == 110
    deliveries.expire(109.9)
    assert take(deliveries, now=109.9) == []
    deliveries.expire(110)
    assert ids_of(take(deliveries, now=110)) == [1, 2]


def test_a_renewed_lease_ends_later_and_a_shortened_one_sooner() -> None:
    deliveries = make()
    offer(deliveries, 1, 2)
    first, second = take(deliveries, now=0)
    deliveries.modify([first.ack_id], 60, 5)
    deliveries.modify([second.ack_id], 1, 5)
    assert deliveries.next_event() == 6
    deliveries.expire(10)
    assert ids_of(take(deliveries, now=10)) == [2]
    deliveries.expire(65)
    assert ids_of(take(deliveries, now=65)) == [2, 1]


def test_a_settled_message_leaves_nothing_behind() -> None:
    deliveries = make()
    offer(deliveries, 1)
    [message] = take(deliveries)
    assert list(deliveries.ack([message.ack_id])) == [1]
    assert list(deliveries.ack(["1-9-1-1-1"])) == []
    assert (deliveries.unsettled_count, deliveries.next_event()) == (0, None)


def test_attempts_count_deliveries_but_not_what_was_never_sent() -> None:
    deliveries = make()
    offer(deliveries, 1)
    batch = take(deliveries)
    deliveries.unsend(batch)
    [message] = take(deliveries)
    assert message.attempts == 1
    deliveries.modify([message.ack_id], 0, 0)
    [message] = take(deliveries)
    assert message.attempts == 2


def test_refused_messages_take_turns_with_new_ones() -> None:
    deliveries = make()
    offer(deliveries, 1, 2)
    refused = take(deliveries)
    offer(deliveries, 3, 4)
    deliveries.modify([message.ack_id for message in refused], 0, 0)
    assert set(ids_of(take(deliveries, share=2))) & {3, 4}
    assert set(ids_of(take(deliveries))) & {1, 2}


def test_back_off_doubles_up_to_its_maximum() -> None:
    rules = Rules(minimum_backoff_s=2, maximum_backoff_s=10)
    assert [rules.backoff_s(attempts) for attempts in (1, 2, 3, 4, 5, 500)] == [2, 4, 8, 10, 10, 10]
    assert Rules().backoff_s(3) == 0


def test_a_delayed_message_can_still_be_acknowledged() -> None:
    deliveries = make(Rules(minimum_backoff_s=5, maximum_backoff_s=5))
    offer(deliveries, 1)
    [message] = take(deliveries)
    ack_id = message.ack_id
    deliveries.modify([ack_id], 0, 0)
    assert deliveries.next_event() == 5
    assert list(deliveries.ack([ack_id])) == [1]
    deliveries.expire(5)
    assert take(deliveries, now=5) == []


def test_after_the_last_attempt_a_message_is_dead_until_settled_or_revived() -> None:
    deliveries = make(Rules(max_delivery_attempts=2))
    offer(deliveries, 1)
    [message] = take(deliveries)
    assert deliveries.modify([message.ack_id], 0, 0) == []
    [message] = take(deliveries)
    [dead] = deliveries.modify([message.ack_id], 0, 0)
    assert take(deliveries) == []
    deliveries.revive([dead], 0)
    [message] = take(deliveries)
    assert message.attempts == 3
    deliveries.settle_dead(deliveries.modify([message.ack_id], 0, 0))
    assert deliveries.unsettled_count == 0


def test_a_dead_message_that_is_acknowledged_after_all_is_not_revived() -> None:
    deliveries = make(Rules(max_delivery_attempts=1))
    offer(deliveries, 1)
    [message] = take(deliveries)
    ack_id = message.ack_id
    dead = deliveries.modify([ack_id], 0, 0)
    assert list(deliveries.ack([ack_id])) == [1]
    deliveries.revive(dead, 0)
    assert (deliveries.ready_count, deliveries.unsettled_count) == (0, 0)


def test_a_revived_message_waits_for_its_back_off() -> None:
    deliveries = make(Rules(max_delivery_attempts=1, minimum_backoff_s=5, maximum_backoff_s=5))
    offer(deliveries, 1)
    [message] = take(deliveries)
    deliveries.revive(deliveries.modify([message.ack_id], 0, 0), 0)
    assert take(deliveries) == []
    assert deliveries.next_event() == 5
    deliveries.expire(5)
    assert ids_of(take(deliveries, now=5)) == [1]


def test_a_message_larger_than_a_response_comes_beside_others_that_are_held() -> None:
    for outlet in (Outlet(max_messages=10), Outlet(max_size=2 * RESPONSE_SIZE)):
        deliveries = make()
        offer(deliveries, 1)
        assert ids_of(take(deliveries, outlet)) == [1]
        deliveries.load([(2, body(2, size=RESPONSE_SIZE + 1)), (3, body(3))], 4)
        assert ids_of(take(deliveries, outlet)) == [2]
        assert ids_of(take(deliveries, outlet)) == [3]


def test_a_takers_limit_of_bytes_holds_for_large_messages_too() -> None:
    deliveries = make()
    outlet = Outlet(max_size=RESPONSE_SIZE)
    offer(deliveries, 1)
    take(deliveries, outlet)
    deliveries.load([(2, body(2, size=RESPONSE_SIZE + 1))], 3)
    assert take(deliveries, outlet) == []


def test_ack_ids_of_another_log_and_of_what_does_not_exist_yet_settle_nothing() -> None:
    deliveries = make()
    offer(deliveries, 1)
    assert list(deliveries.ack(["1-8-1-1-1", "2-8-1-1-1", "1-9-1-2-1", "1-9-1-7-1"], tail=2)) == []
    assert deliveries.modify(["1-8-1-1-1"], 0, 0) == []
    assert list(deliveries.backlog().settled) == []
    assert list(deliveries.ack(["1-9-1-1-1"], tail=2)) == [1]


def test_the_window_bounds_what_is_in_memory_and_the_log_gives_the_rest() -> None:
    deliveries = make(window=Window(messages=10))
    for first in range(1, 101, 5):
        offer(deliveries, *range(first, first + 5))
    assert deliveries.ready_count == 10
    assert deliveries.position == 11
    assert deliveries.wants() == 0
    take(deliveries, share=6)
    assert deliveries.wants() == 6
    deliveries.load([(id_, body(id_)) for id_ in range(11, 17)], 17)
    assert ids_of(take(deliveries)) == list(range(7, 17))


def test_a_full_window_of_bytes_asks_for_nothing() -> None:
    deliveries = make(window=Window(size=1_000))
    deliveries.load([(id_, body(id_, size=300)) for id_ in range(1, 4)], 4)
    assert deliveries.wants() == 0


def test_leased_bodies_are_dropped_beyond_the_bound_and_loaded_again() -> None:
    deliveries = make(window=Window(leased_size=10))
    offer(deliveries, 1)
    [message] = take(deliveries)
    deliveries.sent([message])
    assert message.body is None
    deliveries.modify([message.ack_id], 0, 0)
    assert take(deliveries) == []
    assert deliveries.bodiless(10) == [1]
    deliveries.load_bodies({1: body(1)})
    assert take(deliveries)[0].attempts == 2


def test_after_a_restart_only_what_was_not_settled_comes() -> None:
    deliveries = make(position=10, unsettled=[3, 5], settled=[11])
    assert deliveries.bodiless(10) == [3, 5]
    deliveries.load_bodies({3: body(3), 5: None})
    deliveries.load([(10, body(10)), (11, body(11)), (12, body(12))], 13)
    assert ids_of(take(deliveries)) == [3, 10, 12]
    assert list(deliveries.backlog().unsettled) == [3, 10, 12]


def test_a_key_is_out_once_and_in_order() -> None:
    deliveries = make(Rules(ordered=True))
    offer(deliveries, 1, 2, 3, 4, keys="abaa")
    first = take(deliveries, share=1)
    assert ids_of(first) == [1]
    assert ids_of(take(deliveries)) == [2]
    deliveries.ack([first[0].ack_id])
    assert ids_of(take(deliveries)) == [3, 4]


def test_delays_of_a_key_end_in_order_whichever_ends_first() -> None:
    deliveries = make(Rules(ordered=True, minimum_backoff_s=5, maximum_backoff_s=5))
    offer(deliveries, 1, 2, 3, keys="aaa")
    one, two, _ = take(deliveries)
    deliveries.modify([two.ack_id], 0, 1)
    deliveries.modify([one.ack_id], 0, 0)
    deliveries.expire(5)
    assert take(deliveries, now=5) == []
    deliveries.expire(6)
    assert ids_of(take(deliveries, now=6)) == [1, 2, 3]


def test_after_a_restart_a_key_goes_on_in_order() -> None:
    deliveries = make(Rules(ordered=True), position=2, unsettled=[1])
    offer(deliveries, 2, keys="a")
    assert take(deliveries) == []
    deliveries.load_bodies({1: body(1, "a")})
    deliveries.load([(2, body(2, "a"))], 3)
    assert ids_of(take(deliveries)) == [1, 2]


def test_leases_of_one_tick_end_together() -> None:
    leases = Leases()
    messages = [Message(id_, b"x") for id_ in range(3)]
    for message in messages:
        message.ack_id = str(message.id)
        leases.add(message, 10.001)
    leases.remove(messages[1])
    assert leases.next_end() == 10.01
    assert leases.take_expired(10.0) == []
    assert ids_of(leases.take_expired(10.01)) == [0, 2]
    assert (len(leases), leases.size, leases.next_end()) == (0, 0, None)


@given(st.integers(0, 2**63 - 1), st.integers(1, 2**62))
def test_stamps_are_what_protobuf_reads(time_ns: int, id_: int) -> None:
    read = PubsubMessage.FromString(stamp(PubsubMessage(data=b"d").SerializeToString(), id_, timestamp(time_ns)))
    assert read.message_id == str(id_)
    assert read.publish_time.seconds * 10**9 + read.publish_time.nanos == time_ns
    assert PubsubMessage.FromString(b"\x0a" + varint(1) + b"d").data == b"d"


class AnyHistory(RuleBasedStateMachine):
    """Whatever is done in whatever order, no message is lost, doubled, or given to two takers."""

    @initialize(
        ordered=st.booleans(),
        backoff=st.sampled_from([0, 3]),
        attempts=st.sampled_from([0, 3]),
        window=st.sampled_from([2, 5, 1_000]),
    )
    def begin(self, ordered: bool, backoff: int, attempts: int, window: int) -> None:
        rules = Rules(
            ordered=ordered, minimum_backoff_s=backoff, maximum_backoff_s=backoff, max_delivery_attempts=attempts
        )
        self.deliveries = make(rules, window=Window(messages=window, leased_size=window * 10))
        self.outlets = [Outlet(max_messages=3), Outlet(max_size=100), Outlet()]
        self.log: dict[int, bytes] = {}
        self.held: dict[str, Message] = {}
        self.gone: set[int] = set()
        self.now = 0.0

    @rule(count=st.integers(1, 6), keys=st.text("ab", min_size=6, max_size=6))
    def publish(self, count: int, keys: str) -> None:
        first = len(self.log) + 1
        new = [(id_, body(id_, keys[id_ - first])) for id_ in range(first, first + count)]
        self.log.update(new)
        self.deliveries.offer(new, first)

    @rule()
    def load(self) -> None:
        if ids := self.deliveries.bodiless(3):
            self.deliveries.load_bodies({id_: self.log[id_] for id_ in ids})
        elif wanted := self.deliveries.wants():
            start = self.deliveries.position
            found = [(id_, one) for id_, one in self.log.items() if id_ >= start][:wanted]
            self.deliveries.load(found, found[-1][0] + 1 if found else len(self.log) + 1)

    @rule(outlet=st.integers(0, 2), share=st.integers(1, 5), sent=st.booleans())
    def take(self, outlet: int, share: int, sent: bool) -> None:
        batch = self.deliveries.take(self.outlets[outlet], share, self.now)
        assert all(message.body == self.log[message.id] for message in batch)
        assert not {message.id for message in batch} & self.gone
        if sent:
            self.held.update((message.ack_id, message) for message in batch)
            self.deliveries.sent(batch)
        else:
            self.deliveries.unsend(batch)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def ack(self, data: st.DataObject) -> None:
        ack_id = data.draw(st.sampled_from(sorted(self.held)))
        settled = list(self.deliveries.ack([ack_id]))
        assert not self.gone & set(settled)
        self.gone.update(settled)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), seconds=st.sampled_from([0, 0, 1, 20]))
    def modify(self, data: st.DataObject, seconds: int) -> None:
        ack_id = data.draw(st.sampled_from(sorted(self.held)))
        self.bury(self.deliveries.modify([ack_id], seconds, self.now), revive=data.draw(st.booleans()))

    @rule(seconds=st.sampled_from([1, 11]), revive=st.booleans())
    def pass_time(self, seconds: int, revive: bool) -> None:
        self.now += seconds
        self.bury(self.deliveries.expire(self.now), revive=revive)

    def bury(self, dead: list[Message], *, revive: bool) -> None:
        if revive:
            self.deliveries.revive(dead, self.now)
        else:
            self.gone.update(message.id for message in dead)
            self.deliveries.settle_dead(dead)

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        if not hasattr(self, "deliveries"):
            return
        known = list(self.deliveries.backlog().unsettled)
        assert len(known) == len(set(known))
        below = {id_ for id_ in self.log if id_ < self.deliveries.position}
        assert set(known) == below - self.gone

    @invariant()
    def what_is_ready_is_counted(self) -> None:
        if not hasattr(self, "deliveries"):
            return
        ready = [message for message in self.deliveries._unsettled.values() if message.waiting]
        assert self.deliveries.ready_count == len(ready)
        assert self.deliveries._ready.size == sum(message.size for message in ready)

    @invariant()
    def what_outlets_hold_is_leased(self) -> None:
        if not hasattr(self, "deliveries"):
            return
        leased = self.deliveries.leases._by_ack_id.values()
        for outlet in self.outlets:
            held = [message.size for message in leased if message.outlet is outlet]
            assert (outlet.messages, outlet.size) == (len(held), sum(held))

    @invariant()
    def outlets_hold_what_they_may(self) -> None:
        for outlet in getattr(self, "outlets", []):
            assert outlet.messages >= 0
            assert not outlet.max_messages or outlet.messages <= outlet.max_messages
            assert not outlet.max_size or outlet.size <= outlet.max_size or outlet.messages == 1

    def teardown(self) -> None:
        """In the end everything that was published can be had and settled."""
        if not hasattr(self, "deliveries"):
            return
        for _ in range(40 * (len(self.log) + 1)):
            if self.deliveries.position > len(self.log) and not self.deliveries.unsettled_count:
                break
            self.load()
            self.now += 11
            self.bury(self.deliveries.expire(self.now), revive=False)
            batch = self.deliveries.take(Outlet(), MANY, self.now)
            self.gone.update(self.deliveries.ack([message.ack_id for message in batch]))
        assert self.gone == set(self.log)
        assert all((outlet.messages, outlet.size) == (0, 0) for outlet in self.outlets)
        assert (len(self.deliveries.leases), self.deliveries.ready_count) == (0, 0)


TestAnyHistory = AnyHistory.TestCase
