"""``pubsubctl subscriptions pull``, ``ack``, ``nack`` and more time; and questions on a terminal."""

import base64
import json
import os
from collections.abc import Iterator

import pytest
from broker_console import EMBEDDED_ALONE
from terminal import Terminal

pytest_plugins = ["console_fixtures"]


@pytest.fixture
def workers(console):
    """A console with a topic ``orders`` and a subscription ``workers`` to it, which keeps the order of keys."""
    console.text("topics", "create", "orders")
    console.text("subscriptions", "create", "workers", "--topic", "orders", "--enable-message-ordering")
    return console


def ack_ids(received):
    return ",".join(one["ackId"] for one in received)


def test_a_message_is_shown_with_all_that_belongs_to_it(workers):
    workers.publish("orders", "grüße\n\tline two".encode(), attributes={"b": "2", "a": "1"}, ordering_key="k")
    shown = workers.text("subscriptions", "pull", "workers").splitlines()
    names = [line[:16].strip() for line in shown]
    assert names == ["message id", "publish time", "ordering key", "attributes", "", "ack id", "data", ""]
    assert [line[16:] for line in shown][2:5] == ["k", "a=1", "b=2"]
    assert [line[16:] for line in shown][6:] == ["grüße", " line two"]


def test_data_that_are_no_text_are_shown_in_base64(workers):
    workers.publish("orders", b"\x00\xff")
    assert workers.text("subscriptions", "pull", "workers").splitlines()[-1] == "data (base64)   AP8="


def test_nothing_that_a_terminal_would_act_on_is_shown(workers):
    workers.publish("orders", b"\x1b[31mred", attributes={"a": "\x1b]0;title\x07"})
    shown = workers.text("subscriptions", "pull", "workers")
    assert "\x1b" not in shown
    assert "[31mred" in shown


def test_as_json_it_is_what_gcloud_shows(workers):
    workers.publish("orders", b"hello", attributes={"a": "1"}, ordering_key="k")
    (one,) = workers.json("subscriptions", "pull", "workers")
    assert base64.b64decode(one["message"]["data"]) == b"hello"
    assert (one["message"]["attributes"], one["message"]["orderingKey"]) == ({"a": "1"}, "k")
    assert one.keys() == {"ackId", "message"}
    assert one["message"].keys() == {"data", "attributes", "messageId", "publishTime", "orderingKey"}


def test_as_many_as_asked_for_and_no_more(workers):
    workers.publish("orders", b"1", b"2", b"3")
    assert len(workers.json("subscriptions", "pull", "workers", "--wait-timeout", "1")) == 1
    lines = workers.text("subscriptions", "pull", "workers", "--limit", "2", "--format", "jsonl").splitlines()
    assert [base64.b64decode(json.loads(line)["message"]["data"]) for line in lines] == [b"2", b"3"]


def test_no_message_is_no_error(workers):
    done = workers.run("subscriptions", "pull", "workers", "--wait-timeout", "0")
    assert (done.code, done.out, done.err) == (0, "", "no message came\n")
    assert workers.pull("workers") == []


def test_what_is_acknowledged_does_not_come_again(workers):
    workers.publish("orders", b"1", b"2", b"3")
    (one,) = workers.json("subscriptions", "pull", "workers", "--auto-ack")
    assert one["ackStatus"] == "SUCCESS"
    rest = workers.pull("workers")
    assert workers.text("subscriptions", "ack", "workers", "--ack-ids", ack_ids(rest)) == "2 messages acknowledged\n"
    workers.text("subscriptions", "seek", "workers", "--snapshot", snapshot_of(workers), "--yes")
    assert workers.pull("workers") == []


def snapshot_of(console) -> str:
    """A snapshot of now: seeking to it ends all leases, so that whatever is not acknowledged comes again."""
    console.text("snapshots", "create", "now", "--subscription", "workers")
    return "now"


def test_what_is_given_back_comes_again_at_once(workers):
    workers.publish("orders", b"1")
    answer = workers.json("subscriptions", "nack", "workers", "--ack-ids", ack_ids(workers.pull("workers")))
    assert answer["subscriptionId"] == workers.path("subscriptions", "workers")
    assert (len(answer["ackIds"]), answer["failed"]) == (1, {})
    assert len(workers.json("subscriptions", "pull", "workers")) == 1


@pytest.mark.parametrize("command", ["modify-message-ack-deadline", "modify-ack-deadline"])
def test_a_deadline_is_moved(workers, command):
    workers.publish("orders", b"1")
    flags = ["--ack-ids", ack_ids(workers.pull("workers")), "--ack-deadline"]
    assert workers.text("subscriptions", command, "workers", *flags, "1m") == "1 message due in 60 s\n"
    workers.text("subscriptions", command, "workers", *flags, "0")
    assert len(workers.json("subscriptions", "pull", "workers")) == 1


def test_an_ack_id_that_is_none_is_refused(console):
    console.text("topics", "create", "orders")
    console.text("subscriptions", "create", "workers", "--topic", "orders")
    said = console.refused("subscriptions", "ack", "workers", "--ack-ids", "garbage")
    assert said.startswith(f"subscription {console.path('subscriptions', 'workers')}: ")


@EMBEDDED_ALONE
def test_what_exactly_once_delivery_cannot_confirm_is_told_of_each(console):
    console.text("topics", "create", "orders")
    console.text("subscriptions", "create", "workers", "--topic", "orders", "--enable-exactly-once-delivery")
    console.publish("orders", b"1", b"2")
    first, second = console.pull("workers")
    console.text("subscriptions", "ack", "workers", "--ack-ids", first["ackId"])
    done = console.run("subscriptions", "ack", "workers", "--ack-ids", ack_ids([first, second]))
    assert (done.code, done.out) == (1, "1 message acknowledged\n")
    told, last = done.err.splitlines()
    assert told == f"not acknowledged: {first['ackId']}: PERMANENT_FAILURE_INVALID_ACK_ID"
    assert last == "pubsubctl: 1 of 2 could not be acknowledged"


@EMBEDDED_ALONE
def test_each_of_many_that_cannot_be_confirmed_is_named(console):
    console.text("topics", "create", "orders")
    console.text("subscriptions", "create", "workers", "--topic", "orders", "--enable-exactly-once-delivery")
    console.publish("orders", *[b"x"] * 200)
    received = console.pull("workers", limit=200)
    assert len(received) == 200
    console.text("subscriptions", "ack", "workers", "--ack-ids", ack_ids(received[1:]))
    done = console.run("subscriptions", "ack", "workers", "--ack-ids", ack_ids(received))
    assert (done.code, done.out) == (1, "1 message acknowledged\n")
    assert len(done.err.splitlines()) == 200
    assert done.err.splitlines()[-1] == "pubsubctl: 199 of 200 could not be acknowledged"


@pytest.mark.parametrize("console", ["embedded"], indirect=True)
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["pull", "abc", "--limit", "0"], "--limit"),
        (["pull", "abc", "--wait-timeout", "long"], "--wait-timeout must be a duration such as"),
        (["ack", "abc"], "missing option '--ack-ids'"),
        (["ack", "abc", "--ack-ids", ","], "--ack-ids has no id"),
        (["modify-message-ack-deadline", "abc", "--ack-ids", "a", "--ack-deadline", "601"], "must be 0 to 600 seconds"),
    ],
)
def test_what_makes_no_sense_is_refused_before_the_broker_is_asked(console, arguments, says):
    assert says in console.refused("subscriptions", *arguments, code=2)


@pytest.fixture
def on_terminal(console, folder) -> Iterator:
    opened = []

    def start(*arguments, columns=120):
        own = {name: os.environ[name] for name in ("PUBSUB_EMULATOR_HOST", "PUBSUBCTL_PROJECT")}
        command = folder.command(*arguments)
        terminal = Terminal(command, folder.folder, folder.environment | own, columns=columns)
        opened.append(terminal)
        return terminal

    yield start
    for terminal in opened:
        terminal.close()


ANSWERS = {b"y\n": 0, b"yes\n": 0, b"n\n": 1, b"\n": 1, b"nonsense\n": 1, b"\x04": 1, b"\x03": 130}


@pytest.mark.parametrize("console", ["embedded"], indirect=True)
@pytest.mark.parametrize("answer", ANSWERS, ids=repr)
def test_only_a_yes_is_a_yes(workers, on_terminal, answer):
    terminal = on_terminal("subscriptions", "delete", "workers")
    asked = terminal.read_until(lambda text: text.endswith("[y/N]"))
    assert asked.splitlines() == [
        f"  {workers.path('subscriptions', 'workers')}",
        "What was not acknowledged is lost. Delete? [y/N]",
    ]
    os.write(terminal._master, answer)
    assert terminal.wait() == ANSWERS[answer]
    last = terminal.screen.text.rstrip("\n").splitlines()[-1]
    exists = bool(workers.json("subscriptions", "list"))
    assert exists is (ANSWERS[answer] != 0)
    assert (
        last
        == {
            0: f"deleted subscription {workers.path('subscriptions', 'workers')}",
            1: "pubsubctl: nothing was done",
            130: "pubsubctl: interrupted",
        }[ANSWERS[answer]]
    )


@pytest.mark.parametrize("console", ["embedded"], indirect=True)
@pytest.mark.parametrize("columns", [60, 120])
def test_a_list_fits_the_terminal_and_has_heads(workers, on_terminal, columns):
    long = "a-topic-with-a-very-long-name-that-does-not-fit-beside-the-others"
    workers.text("topics", "create", long)
    workers.text("subscriptions", "create", "others", "--topic", long, "--enable-exactly-once-delivery")
    terminal = on_terminal("subscriptions", "list", columns=columns)
    assert terminal.wait() == 0
    lines = terminal.screen.text.splitlines()
    assert lines[0].split() == ["subscription", "topic", "type", "ack", "with"]
    assert lines[1].split()[0] == "others"
    assert lines[1].endswith("exactly once")
    assert ("…" in lines[1]) is (columns == 60)


@pytest.mark.parametrize("console", ["embedded"], indirect=True)
def test_a_list_cuts_neither_names_nor_topics_for_the_sake_of_the_rest(workers, on_terminal):
    workers.text("topics", "create", "dead")
    own = ["--topic", "orders", "--dead-letter-topic", "dead", "--labels", "team=shop,keep=yes"]
    name = "the-workers-that-process-orders"
    workers.text("subscriptions", "create", name, *own, "--enable-exactly-once-delivery")
    terminal = on_terminal("subscriptions", "list", columns=80)
    assert terminal.wait() == 0
    row = next(line for line in terminal.screen.text.splitlines() if name in line)
    assert row.split()[:4] == [name, "orders", "pull", "10s"]


@pytest.mark.parametrize("console", ["embedded"], indirect=True)
def test_a_long_message_is_cut_on_a_terminal_and_nowhere_else(workers, on_terminal):
    workers.publish("orders", b"line\n" * 100)
    terminal = on_terminal("subscriptions", "pull", "workers")
    assert terminal.wait() == 0
    lines = terminal.screen.text.splitlines()
    assert sum("line" in line for line in lines) == 40
    assert lines[-1].strip() == "... (500 bytes in all; --format json has it)"
    workers.publish("orders", b"line\n" * 100)
    assert workers.text("subscriptions", "pull", "workers").count("line") == 100
