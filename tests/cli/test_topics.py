"""``pubsubctl topics`` as somebody uses it who knows ``gcloud pubsub topics``."""

import base64
import json
import os

import pytest
from broker_console import EMBEDDED_ALONE

pytest_plugins = ["console_fixtures"]


def test_a_topic_from_its_making_to_its_end(console):
    path = console.path("topics", "orders")
    assert console.text("topics", "create", "orders", "--labels", "b=2,a=1") == f"created topic {path}\n"
    assert console.json("topics", "describe", "orders")["labels"] == {"a": "1", "b": "2"}
    assert console.text("topics", "list") == "orders  a=1,b=2\n"
    assert console.text("topics", "delete", "orders", "--yes") == f"deleted topic {path}\n"
    assert console.json("topics", "list") == []


def test_a_full_name_and_a_url_name_it_too(console):
    path = "projects/else-where/topics/orders"
    assert console.json("topics", "create", path)[0]["name"] == path
    for name in (path, f"https://pubsub.googleapis.com/v1/{path}"):
        assert console.json("topics", "describe", name)["name"] == path
    assert console.text("topics", "list", "--project", "else-where") == "orders\n"
    console.text("topics", "delete", path, "-q")


def test_several_at_once_and_what_fails_of_them_is_told_of_each(console):
    assert console.text("topics", "create", "one", "two").count("created topic ") == 2
    done = console.run("topics", "create", "one", "new", "two")
    assert done.code == 1
    assert done.out == f"created topic {console.path('topics', 'new')}\n"
    assert [line.split(": ")[:2] for line in done.err.splitlines()] == [
        ["pubsubctl", f"topic {console.path('topics', 'one')}"],
        ["pubsubctl", f"topic {console.path('topics', 'two')}"],
    ]
    gone = console.run("topics", "delete", "one", "nope", "two", "--yes", "--format", "jsonl")
    assert gone.code == 1
    assert [json.loads(line)["name"] for line in gone.out.splitlines()] == [
        console.path("topics", "one"),
        console.path("topics", "two"),
    ]
    assert "topics/nope: " in gone.err


def test_settings_are_made_as_gcloud_writes_them(console):
    regions = ("--message-storage-policy-allowed-regions", "us-east1,europe-west3")
    made = console.json("topics", "create", "orders", "--message-retention-duration", "1d12h", *regions)[0]
    assert made["messageRetentionDuration"] == "129600s"
    assert made["messageStoragePolicy"] == {"allowedPersistenceRegions": ["us-east1", "europe-west3"]}
    assert console.text("topics", "list") == "orders  1d12h\n"
    assert console.text("topics", "describe", "orders").startswith(f"name: {console.path('topics', 'orders')}\n")
    assert "messageRetentionDuration: 129600s\n" in console.text("topics", "describe", "orders")


def test_an_update_changes_what_is_named_alone(console):
    console.text("topics", "create", "orders", "--labels", "a=1", "--message-retention-duration", "1h")
    said = console.text("topics", "update", "orders", "--message-retention-duration", "10m")
    assert said == f"updated topic {console.path('topics', 'orders')}\n"
    found = console.json("topics", "describe", "orders")
    assert (found["messageRetentionDuration"], found["labels"]) == ("600s", {"a": "1"})
    assert "is so already" in console.text("topics", "update", "orders", "--message-retention-duration", "600")


@EMBEDDED_ALONE
def test_labels_are_cleared_then_added_then_removed(console):
    console.text("topics", "create", "orders", "--labels", "a=1,b=2")
    for flags, labels in (
        (["--update-labels", "b=3,c=4"], {"a": "1", "b": "3", "c": "4"}),
        (["--update-labels", "d=5", "--remove-labels", "a,d,never"], {"b": "3", "c": "4"}),
        (["--clear-labels", "--update-labels", "e=6"], {"e": "6"}),
    ):
        assert console.json("topics", "update", "orders", *flags)["labels"] == labels
    assert "labels" not in console.json("topics", "update", "orders", "--clear-labels")
    assert "messageRetentionDuration" not in console.json(
        "topics", "update", "orders", "--clear-message-retention-duration"
    )


def test_a_message_is_published_and_its_id_printed(console):
    console.text("topics", "create", "orders")
    console.text("subscriptions", "create", "workers", "--topic", "orders", "--enable-message-ordering")
    flags = ["--attribute", "a=1,b=x=y", "--attribute", "^;^c=1,2;d=3", "--ordering-key", "k"]
    printed = console.text("topics", "publish", "orders", "--message", "grüße", *flags)
    answer = console.json("topics", "publish", "orders", "--attribute", "alone=yes")
    first, second = console.pull("workers")
    assert (printed, answer) == (
        f"{first['message']['messageId']}\n",
        {"messageIds": [second["message"]["messageId"]]},
    )
    assert base64.b64decode(first["message"]["data"]).decode() == "grüße"
    assert first["message"]["attributes"] == {"a": "1", "b": "x=y", "c": "1,2", "d": "3"}
    assert first["message"]["orderingKey"] == "k"


def test_data_come_from_a_file_or_from_stdin_byte_by_byte(console, tmp_path):
    console.text("topics", "create", "orders")
    console.text("subscriptions", "create", "workers", "--topic", "orders")
    (tmp_path / "data").write_bytes(bytes(range(256)))
    console.text("topics", "publish", "orders", "--message-file", str(tmp_path / "data"))
    done = console.run("topics", "publish", "orders", "--message-file", "-", given=b"\x00\xff\r\n")
    assert done.code == 0
    received = [base64.b64decode(one["message"]["data"]) for one in console.pull("workers")]
    assert sorted(received) == [b"\x00\xff\r\n", bytes(range(256))] or received == [bytes(range(256)), b"\x00\xff\r\n"]


def test_a_message_that_is_no_text_is_published_as_the_bytes_that_were_typed(workers):
    workers.text("topics", "publish", "orders", "--message", os.fsdecode(b"a\xff"))
    (one,) = workers.json("subscriptions", "pull", "workers")
    assert base64.b64decode(one["message"]["data"]) == b"a\xff"


def test_lists_stop_at_the_limit_whatever_the_page_size(console):
    console.text("topics", "create", *(f"topic-{number}" for number in range(5)))
    assert len(console.json("topics", "list", "--page-size", "2")) == 5
    assert len(console.json("topics", "list", "--limit", "3", "--page-size", "2")) == 3
    assert len(console.text("topics", "list", "--limit", "1").splitlines()) == 1
    lines = console.text("topics", "list", "--format", "jsonl").splitlines()
    assert [json.loads(line)["name"] for line in lines] == [
        console.path("topics", f"topic-{number}") for number in range(5)
    ]


def test_nothing_to_list_is_said_beside_the_data(console):
    for arguments, says in (
        (("topics", "list"), f"there are no topics in projects/{console.project}"),
        (("subscriptions", "list"), f"there are no subscriptions in projects/{console.project}"),
        (("snapshots", "list"), f"there are no snapshots in projects/{console.project}"),
    ):
        done = console.run(*arguments)
        assert (done.code, done.out, done.err) == (0, "", says + "\n")
        assert console.run(*arguments, "--format", "jsonl").err == ""


def test_the_subscriptions_of_a_topic(console):
    console.text("topics", "create", "orders", "other")
    console.text("subscriptions", "create", "one", "two", "--topic", "orders")
    names = [console.path("subscriptions", "one"), console.path("subscriptions", "two")]
    assert console.text("topics", "list-subscriptions", "orders").splitlines() == names
    assert console.json("topics", "list-subscriptions", "orders") == names
    assert console.json("topics", "list-subscriptions", "orders", "--limit", "1") == names[:1]
    assert console.run("topics", "list-subscriptions", "other").err.startswith("no subscription is attached to ")


@EMBEDDED_ALONE
def test_a_detached_subscription_is_shown_as_such(console):
    console.text("topics", "create", "orders")
    console.text("subscriptions", "create", "workers", "--topic", "orders")
    said = console.text("topics", "detach-subscription", "workers", "--yes")
    assert said == f"detached subscription {console.path('subscriptions', 'workers')}\n"
    assert console.text("subscriptions", "list").split() == ["workers", "orders", "detached", "10s"]
    assert console.json("topics", "list-subscriptions", "orders") == []


@pytest.mark.parametrize("console", ["gcloud"], indirect=True)
def test_what_a_broker_cannot_do_is_said_so(console):
    console.text("topics", "create", "orders")
    console.text("subscriptions", "create", "workers", "--topic", "orders")
    assert "cannot do this: " in console.refused("topics", "detach-subscription", "workers", "--yes")


def test_a_slip_of_the_pen_is_answered_with_what_there_is(console):
    console.text("topics", "create", "orders")
    for arguments in (
        ("topics", "describe", "oders"),
        ("topics", "delete", "oders", "--yes"),
        ("topics", "update", "oders", "--clear-labels"),
        ("topics", "publish", "oders", "--message", "x"),
        ("subscriptions", "create", "workers", "--topic", "oders"),
    ):
        said = console.refused(*arguments)
        assert console.path("topics", "oders") in said
        assert said.endswith("; did you mean 'orders'?")
    assert "did you mean" not in console.refused("topics", "describe", "quite-different")


USAGE = {
    "topic": (["topics", "describe", "ab"], "'ab' is no topic name"),
    "subscription": (["topics", "describe", "projects/p-1/subscriptions/abc"], "is a subscription; a topic is asked"),
    "project": (["topics", "list", "--project", "no/project"], "'no/project' is no project id"),
    "nothing": (["topics", "publish", "abc"], "there is nothing to publish"),
    "both": (["topics", "publish", "abc", "--message", "a", "--message-file", "b"], "cannot stand together"),
    "file": (["topics", "publish", "abc", "--message-file", "nowhere"], "cannot read nowhere: No such file"),
    "attribute": (["topics", "publish", "abc", "--attribute", "x"], "--attribute must be KEY=VALUE,..., not 'x'"),
    "bytes": (["topics", "publish", "abc", "--attribute", "a=\udcff"], "--attribute must be UTF-8"),
    "ordering": (["topics", "publish", "abc", "--message", "x", "--ordering-key", "\udcff"], "must be UTF-8"),
    "labels": (["topics", "create", "abc", "--labels", "=x"], "--labels must be KEY=VALUE,..., not '=x'"),
    "retention": (
        ["topics", "create", "abc", "--message-retention-duration", "5m"],
        "--message-retention-duration must be 10m to 31d, not '5m'",
    ),
    "duration": (["topics", "create", "abc", "--message-retention-duration", "soon"], "must be a duration such as"),
    "schema": (["topics", "create", "abc", "--schema", "one"], "--schema means nothing without --message-encoding"),
    "schema-project": (["topics", "create", "abc", "--schema-project", "p-1"], "--schema-project says where --schema"),
    "encoding": (
        ["topics", "create", "abc", "--schema", "one", "--message-encoding", "xml"],
        "--message-encoding must be json or binary, not 'xml'",
    ),
    "key": (["topics", "create", "abc", "--topic-encryption-key", "k"], "/keyRings/RING/cryptoKeys/KEY, not 'k'"),
    "update": (["topics", "update", "abc"], "nothing to update"),
    "clear": (
        ["topics", "update", "abc", "--clear-labels", "--remove-labels", "a"],
        "--remove-labels and --clear-labels cannot stand together",
    ),
    "unasked": (["topics", "delete", "abc"], "there is no terminal to ask on; add --yes"),
    "detach": (["topics", "detach-subscription", "abc"], "there is no terminal to ask on; add --yes"),
}


@pytest.mark.parametrize("console", ["embedded"], indirect=True)
@pytest.mark.parametrize("case", USAGE)
def test_what_makes_no_sense_is_refused_before_the_broker_is_asked(console, case):
    arguments, says = USAGE[case]
    assert says in console.refused(*arguments, code=2)


COMMANDS = ("create", "list", "describe", "update", "delete", "publish")
RELATED = ("list-subscriptions", "list-snapshots", "detach-subscription")


@pytest.mark.parametrize("command", [*COMMANDS, *RELATED])
def test_every_command_has_help_with_an_example(folder, command, capsys):
    from pubsubctl.cli.entry import run

    assert run(["topics", command, "--help"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert f"Example: pubsubctl topics {command} " in out
    assert "--debug" in out


def test_without_an_emulator_it_says_how_to_start_one(folder):
    done = folder.run("topics", "list")
    assert (done.returncode, done.stdout) == (5, "")
    assert "`pubsubctl emulator start`" in done.stderr


def test_the_cloud_needs_no_store_for_this(folder):
    done = folder.run(
        "topics", "list", "--broker", "cloud", "--project", "my-project", "--credentials-file", "none.json"
    )
    assert done.returncode == 2
    assert "credentials_file 'none.json'" in done.stderr
