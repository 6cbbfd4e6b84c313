"""``pubsubctl subscriptions`` as a whole: made, listed, changed, moved, deleted."""

import json

import pytest
from broker_console import EMBEDDED_ALONE

pytest_plugins = ["console_fixtures"]


def test_a_subscription_from_its_making_to_its_end(console):
    console.text("topics", "create", "orders")
    path = console.path("subscriptions", "workers")
    assert console.text("subscriptions", "create", "workers", "--topic", "orders") == f"created subscription {path}\n"
    assert console.text("subscriptions", "list") == "workers  orders  pull  10s\n"
    found = console.json("subscriptions", "describe", "workers")
    assert (found["name"], found["topic"]) == (path, console.path("topics", "orders"))
    assert console.text("subscriptions", "delete", "workers", "--yes") == f"deleted subscription {path}\n"
    assert console.json("subscriptions", "list") == []


def test_every_flag_of_create_reaches_the_broker(console):
    console.text("topics", "create", "orders", "dead")
    flags = ["--ack-deadline", "2m", "--message-retention-duration", "1d", "--expiration-period", "3d"]
    flags += ["--retain-acked-messages", "--enable-message-ordering", "--enable-exactly-once-delivery"]
    flags += ["--dead-letter-topic", "dead", "--max-delivery-attempts", "7", "--labels", "a=1"]
    flags += ["--min-retry-delay", "5", "--max-retry-delay", "1m30s"]
    names = ["--message-filter", 'attributes.a = "1"', "--topic", "orders", "--topic-project", console.project]
    made = console.json("subscriptions", "create", "workers", *flags, *names)[0]
    expected = {
        "name": console.path("subscriptions", "workers"),
        "topic": console.path("topics", "orders"),
        "ackDeadlineSeconds": 120,
        "retainAckedMessages": True,
        "messageRetentionDuration": "86400s",
        "labels": {"a": "1"},
        "enableMessageOrdering": True,
        "expirationPolicy": {"ttl": "259200s"},
        "filter": 'attributes.a = "1"',
        "deadLetterPolicy": {"deadLetterTopic": console.path("topics", "dead"), "maxDeliveryAttempts": 7},
        "retryPolicy": {"minimumBackoff": "5s", "maximumBackoff": "90s"},
        "enableExactlyOnceDelivery": True,
    }
    assert {name: made[name] for name in expected} == expected
    text = console.text("subscriptions", "list")
    assert 'ordering, exactly once, acked retained, dead letters to dead, filter attributes.a = "1"' in text
    assert "  maxDeliveryAttempts: 7\n" in console.text("subscriptions", "describe", "workers")


def test_a_subscription_may_never_expire(console):
    console.text("topics", "create", "orders")
    made = console.json("subscriptions", "create", "workers", "--topic", "orders", "--expiration-period", "never")
    assert made[0]["expirationPolicy"] == {}


def test_what_an_update_does_not_name_stays(workers):
    workers.text("topics", "create", "dead")
    workers.text("subscriptions", "update", "workers", "--dead-letter-topic", "dead", "--max-delivery-attempts", "7")
    workers.text("subscriptions", "update", "workers", "--min-retry-delay", "5s", "--max-retry-delay", "60s")
    flags = ["--max-delivery-attempts", "9", "--max-retry-delay", "100", "--ack-deadline", "30"]
    found = workers.json("subscriptions", "update", "workers", *flags, "--enable-exactly-once-delivery")
    assert found["deadLetterPolicy"] == {"deadLetterTopic": workers.path("topics", "dead"), "maxDeliveryAttempts": 9}
    assert found["retryPolicy"] == {"minimumBackoff": "5s", "maximumBackoff": "100s"}
    assert (found["ackDeadlineSeconds"], found["enableExactlyOnceDelivery"]) == (30, True)
    cleared = workers.json("subscriptions", "update", "workers", "--clear-dead-letter-policy", "--clear-retry-policy")
    assert "deadLetterPolicy" not in cleared
    assert "retryPolicy" not in cleared
    off = workers.json("subscriptions", "update", "workers", "--no-enable-exactly-once-delivery")
    assert "enableExactlyOnceDelivery" not in off


@EMBEDDED_ALONE
def test_labels_and_expiration_are_changed(workers):
    flags = ["--update-labels", "a=1,b=2", "--expiration-period", "2d"]
    found = workers.json("subscriptions", "update", "workers", *flags)
    assert (found["labels"], found["expirationPolicy"]) == ({"a": "1", "b": "2"}, {"ttl": "172800s"})
    flags = ["--remove-labels", "a", "--expiration-period", "never"]
    found = workers.json("subscriptions", "update", "workers", *flags)
    assert (found["labels"], found["expirationPolicy"]) == ({"b": "2"}, {})


def push_config(console):
    return console.json("subscriptions", "describe", "workers")["pushConfig"]


def test_push_is_configured_and_taken_back(workers):
    endpoint, other = "http://127.0.0.1:1/x", "http://127.0.0.1:1/y"
    raw = ["--push-no-wrapper", "--push-no-wrapper-write-metadata"]
    workers.text("subscriptions", "update", "workers", "--push-endpoint", endpoint, *raw)
    assert push_config(workers) == {"pushEndpoint": endpoint, "noWrapper": {"writeMetadata": True}}
    assert f"push to {endpoint}" in workers.text("subscriptions", "list")
    workers.text("subscriptions", "update", "workers", "--push-auth-service-account", "a@b.c")
    assert push_config(workers)["oidcToken"] == {"serviceAccountEmail": "a@b.c"}
    workers.text("subscriptions", "update", "workers", "--clear-push-no-wrapper-config")
    assert push_config(workers) == {"pushEndpoint": endpoint, "oidcToken": {"serviceAccountEmail": "a@b.c"}}
    workers.text("subscriptions", "modify-push-config", "workers", "--push-endpoint", other)
    assert push_config(workers) == {"pushEndpoint": other}
    workers.text("subscriptions", "modify-push-config", "workers", "--push-endpoint", "")
    assert push_config(workers) == {}


def test_seeking_to_now_purges(workers):
    workers.publish("orders", b"1", b"2")
    said = workers.text("subscriptions", "seek", "workers", "--time", "now", "--yes")
    assert said.startswith(f"subscription {workers.path('subscriptions', 'workers')} is now at 2")
    assert workers.pull("workers") == []
    workers.publish("orders", b"3")
    assert len(workers.json("subscriptions", "pull", "workers")) == 1


def test_seeking_back_replays_what_is_retained(console):
    console.text("topics", "create", "orders")
    console.text("subscriptions", "create", "workers", "--topic", "orders", "--retain-acked-messages")
    console.publish("orders", b"1", b"2")
    assert len(console.json("subscriptions", "pull", "workers", "--limit", "2", "--auto-ack")) == 2
    answer = console.json("subscriptions", "seek", "workers", "--time=-p1h", "--quiet")
    assert answer.keys() == {"subscriptionId", "time"}
    assert answer["subscriptionId"] == console.path("subscriptions", "workers")
    assert len(console.pull("workers")) == 2


def test_seeking_to_a_snapshot_brings_back_what_was_not_acknowledged_then(console):
    console.text("topics", "create", "orders")
    console.text("subscriptions", "create", "workers", "--topic", "orders")
    console.publish("orders", b"1", b"2")
    console.text("snapshots", "create", "before", "--subscription", "workers")
    assert len(console.json("subscriptions", "pull", "workers", "--limit", "5", "--auto-ack")) == 2
    flags = ["--snapshot", "before", "--snapshot-project", console.project, "--yes"]
    answer = console.json("subscriptions", "seek", "workers", *flags)
    assert answer["snapshotId"] == console.path("snapshots", "before")
    assert len(console.pull("workers")) == 2
    missing = console.refused("subscriptions", "seek", "workers", "--snapshot", "befor", "-y")
    assert missing.endswith(f"there is no snapshot {console.path('snapshots', 'befor')}; did you mean 'before'?")


def test_what_fails_of_several_is_told_of_each(workers):
    done = workers.run("subscriptions", "create", "workers", "more", "--topic", "orders", "--format", "jsonl")
    assert (done.code, json.loads(done.out)["name"]) == (1, workers.path("subscriptions", "more"))
    assert f"subscription {workers.path('subscriptions', 'workers')}: " in done.err
    assert workers.run("subscriptions", "delete", "nope", "workers", "more", "-y").out.count("deleted") == 2


def test_a_dead_letter_topic_that_is_missing_is_named(workers):
    workers.text("topics", "create", "dead")
    said = workers.refused("subscriptions", "create", "more", "--topic", "orders", "--dead-letter-topic", "deed")
    assert said.endswith(f"there is no topic {workers.path('topics', 'deed')}; did you mean 'dead'?")


USAGE = {
    "topic": (["create", "abc"], "missing option '--topic'"),
    "deadline": (
        ["create", "abc", "--topic", "abc", "--ack-deadline", "5"],
        "--ack-deadline must be 10 to 600 seconds",
    ),
    "expiration": (["update", "abc", "--expiration-period", "1h"], "must be 1d or more, or never, not '1h'"),
    "attempts": (["update", "abc", "--max-delivery-attempts", "4"], "must be a whole number from 5 to 100, not '4'"),
    "delay": (["update", "abc", "--min-retry-delay", "1h"], "--min-retry-delay must be 0s to 600s, not '1h'"),
    "dead": (
        ["create", "abc", "--topic", "abc", "--max-delivery-attempts", "5"],
        "--max-delivery-attempts means nothing without --dead-letter-topic",
    ),
    "auth": (
        ["create", "abc", "--topic", "abc", "--push-auth-service-account", "a@b.c"],
        "--push-auth-service-account means nothing without --push-endpoint",
    ),
    "wrapper": (
        ["modify-push-config", "abc", "--push-endpoint", "http://a", "--push-no-wrapper-write-metadata"],
        "--push-no-wrapper-write-metadata means nothing without --push-no-wrapper",
    ),
    "clear": (
        ["update", "abc", "--clear-retry-policy", "--min-retry-delay", "5"],
        "--clear-retry-policy and --min-retry-delay cannot stand together",
    ),
    "filter": (["create", "abc", "--topic", "abc", "--message-filter", "\udcff"], "--message-filter must be UTF-8"),
    "nothing": (["update", "abc"], "nothing to update"),
    "unasked": (["delete", "abc"], "there is no terminal to ask on; add --yes"),
    "unsought": (["seek", "abc", "--time", "now"], "there is no terminal to ask on; add --yes"),
    "nowhere": (["seek", "abc", "--yes"], "either --time or --snapshot"),
    "twice": (["seek", "abc", "--time", "now", "--snapshot", "abc"], "either --time or --snapshot"),
    "when": (["seek", "abc", "--time", "soon"], "--time must be a time such as 2026-03-01T12:00:00Z"),
    "which": (["seek", "abc", "--snapshot", "projects/p/topics/abc"], "is a topic; a snapshot is asked for here"),
    "no-push": (["modify-push-config", "abc"], "missing option '--push-endpoint'"),
}


@pytest.mark.parametrize("console", ["embedded"], indirect=True)
@pytest.mark.parametrize("case", USAGE)
def test_what_makes_no_sense_is_refused_before_the_broker_is_asked(console, case):
    arguments, says = USAGE[case]
    assert says in console.refused("subscriptions", *arguments, code=2)


SETTINGS = ("create", "list", "describe", "update", "modify-push-config", "delete", "seek")
MESSAGES = ("pull", "ack", "nack", "modify-message-ack-deadline")


@pytest.mark.parametrize("command", [*SETTINGS, *MESSAGES])
def test_every_command_has_help_with_an_example(folder, command, capsys):
    from pubsubctl.cli.entry import run

    assert run(["subscriptions", command, "--help"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert f"Example: pubsubctl subscriptions {command} " in " ".join(out.split())
    assert "--debug" in out


def test_attempts_are_not_counted_where_dead_letters_have_nowhere_to_go(workers):
    said = workers.refused("subscriptions", "update", "workers", "--max-delivery-attempts", "7", code=2)
    assert said.endswith("has no dead-letter topic for --max-delivery-attempts; add --dead-letter-topic")
    workers.text("topics", "create", "dead")
    workers.text("subscriptions", "update", "workers", "--dead-letter-topic", "dead")
    workers.text("subscriptions", "update", "workers", "--max-delivery-attempts", "7")
