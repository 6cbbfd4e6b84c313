"""``gcloud pubsub``, the command line of the real service, over REST."""

import base64
import json
import shutil
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import pytest
from gcloud_command import Gcloud


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory, lack: Callable[[str, str], NoReturn]) -> Path:
    """gcloud's own folder: one for all tests, as the first command in a new one takes longer."""
    if shutil.which("gcloud") is None:
        lack("gcloud", "gcloud is not installed")
    return tmp_path_factory.mktemp("gcloud")


@pytest.fixture
def gcloud(emulator: str, config: Path) -> Gcloud:
    return Gcloud(emulator, f"p-{uuid.uuid4().hex[:12]}", config)


def ids(listed: list[dict[str, str]]) -> list[str]:
    return sorted(one["name"].rsplit("/", 1)[1] for one in listed)


def test_topics(gcloud: Gcloud) -> None:
    gcloud("topics create", "news", "rumours", "--labels=team=a", "--message-retention-duration=1h")
    assert ids(gcloud("topics list")) == ["news", "rumours"]
    gcloud("topics update", "news", "--update-labels=stage=test", "--message-retention-duration=2h")
    found = gcloud("topics describe", "news")
    assert (found["labels"], found["messageRetentionDuration"]) == ({"team": "a", "stage": "test"}, "7200s")
    assert "Topic already exists" in gcloud.refusal("topics create", "news")
    gcloud("topics delete", "rumours")
    assert "Topic not found" in gcloud.refusal("topics describe", "rumours")


def test_subscriptions(gcloud: Gcloud) -> None:
    gcloud("topics create", "news", "dead")
    gcloud(
        "subscriptions create",
        "readers",
        "--topic=news",
        '--message-filter=attributes.kind = "a"',
        "--enable-message-ordering",
        "--enable-exactly-once-delivery",
        "--dead-letter-topic=dead",
        "--max-delivery-attempts=6",
        "--min-retry-delay=1s",
        "--max-retry-delay=20s",
        "--expiration-period=2d",
        "--ack-deadline=20",
        "--message-retention-duration=1d",
        "--retain-acked-messages",
        "--labels=team=a",
    )
    found = gcloud("subscriptions describe", "readers")
    assert (found["filter"], found["ackDeadlineSeconds"], found["labels"]) == (
        'attributes.kind = "a"',
        20,
        {"team": "a"},
    )
    assert found["enableMessageOrdering"]
    assert found["enableExactlyOnceDelivery"]
    assert found["retainAckedMessages"]
    assert (found["expirationPolicy"], found["messageRetentionDuration"]) == ({"ttl": "172800s"}, "86400s")
    assert found["retryPolicy"] == {"minimumBackoff": "1s", "maximumBackoff": "20s"}
    assert found["deadLetterPolicy"]["maxDeliveryAttempts"] == 6
    gcloud(
        "subscriptions update",
        "readers",
        "--ack-deadline=40",
        "--expiration-period=never",
        "--clear-dead-letter-policy",
        "--clear-retry-policy",
        "--no-retain-acked-messages",
        "--update-labels=stage=test",
        "--message-retention-duration=2d",
    )
    found = gcloud("subscriptions describe", "readers")
    assert (found["ackDeadlineSeconds"], found["labels"]) == (40, {"team": "a", "stage": "test"})
    assert (found["expirationPolicy"], found["messageRetentionDuration"]) == ({}, "172800s")
    assert {"retryPolicy", "deadLetterPolicy", "retainAckedMessages"}.isdisjoint(found)
    gcloud("subscriptions modify-push-config", "readers", "--push-endpoint=http://127.0.0.1:9/push")
    assert gcloud("subscriptions describe", "readers")["pushConfig"]["pushEndpoint"] == "http://127.0.0.1:9/push"
    assert len(gcloud("topics list-subscriptions", "news")) == 1
    gcloud("topics detach-subscription", "readers")
    assert gcloud("subscriptions list")[0]["detached"]
    gcloud("subscriptions delete", "readers")
    assert gcloud("subscriptions list") == []


def test_messages(gcloud: Gcloud) -> None:
    gcloud("topics create", "news")
    gcloud("subscriptions create", "readers", "--topic=news", "--enable-message-ordering")
    said = gcloud("topics publish", "news", "--message=häh", "--attribute=kind=a,n=1", "--ordering-key=k")
    (received,) = gcloud("subscriptions pull", "readers")
    message = received["message"]
    assert base64.b64decode(message["data"]).decode() == "häh"
    assert (message["attributes"], message["orderingKey"]) == ({"kind": "a", "n": "1"}, "k")
    assert [message["messageId"]] == said["messageIds"]
    gcloud("subscriptions modify-message-ack-deadline", "readers", f"--ack-ids={received['ackId']}", "--ack-deadline=0")
    (again,) = gcloud("subscriptions pull", "readers")
    gcloud("subscriptions ack", "readers", f"--ack-ids={again['ackId']}")
    assert "ack" in gcloud.refusal("subscriptions ack", "readers", "--ack-ids=garbage")


def test_snapshots_and_seeking(gcloud: Gcloud) -> None:
    gcloud("topics create", "news")
    gcloud("subscriptions create", "readers", "--topic=news", "--retain-acked-messages")
    gcloud("snapshots create", "before", "--subscription=readers", "--labels=why=release")
    (listed,) = gcloud("snapshots list")
    assert listed["snapshotId"] == "before"
    assert gcloud("snapshots describe", "before")["labels"] == {"why": "release"}
    gcloud("topics publish", "news", "--message=x")
    (received,) = gcloud("subscriptions pull", "readers", "--auto-ack")
    assert received["ackStatus"] == "SUCCESS"
    gcloud("subscriptions seek", "readers", "--snapshot=before")
    assert len(gcloud("subscriptions pull", "readers", "--auto-ack")) == 1
    earlier = datetime.now(UTC) - timedelta(minutes=5)
    gcloud("subscriptions seek", "readers", f"--time={earlier:%Y-%m-%dT%H:%M:%SZ}")
    assert len(gcloud("subscriptions pull", "readers", "--auto-ack")) == 1
    gcloud("snapshots delete", "before")


def test_schemas(gcloud: Gcloud) -> None:
    field = {"name": "count", "type": "int"}
    first = json.dumps({"type": "record", "name": "Reading", "fields": [field]})
    second = json.dumps(
        {"type": "record", "name": "Reading", "fields": [field, {"name": "unit", "type": "string", "default": ""}]}
    )
    gcloud("schemas validate-schema", "--type=avro", f"--definition={first}")
    gcloud("schemas create", "readings", "--type=avro", f"--definition={first}")
    gcloud("schemas commit", "readings", "--type=avro", f"--definition={second}")
    assert gcloud("schemas describe", "readings")["definition"] == second
    newest, oldest = gcloud("schemas list-revisions", "readings")
    gcloud("schemas rollback", "readings", f"--revision-id={oldest['revisionId']}")
    gcloud("schemas delete-revision", f"readings@{newest['revisionId']}")
    assert [one["revisionId"] for one in gcloud("schemas list")] != [newest["revisionId"]]
    asked = "--message-encoding=json", "--schema-name=readings"
    gcloud("schemas validate-message", *asked, '--message={"count": 3}')
    assert gcloud.refusal("schemas validate-message", *asked, '--message={"count": "many"}')
    gcloud("topics create", "news", "--schema=readings", "--message-encoding=json")
    gcloud("topics publish", "news", '--message={"count": 3}')
    assert gcloud.refusal("topics publish", "news", '--message={"count": "many"}')
    gcloud("schemas delete", "readings")


def test_access(gcloud: Gcloud, tmp_path: Path) -> None:
    gcloud("topics create", "news")
    gcloud("subscriptions create", "readers", "--topic=news")
    binding = "--member=user:a@example.com", "--role=roles/pubsub.publisher"
    gcloud("topics add-iam-policy-binding", "news", *binding)
    found = gcloud("topics get-iam-policy", "news")
    assert found["bindings"] == [{"role": "roles/pubsub.publisher", "members": ["user:a@example.com"]}]
    gcloud("topics remove-iam-policy-binding", "news", *binding)
    assert "bindings" not in gcloud("topics get-iam-policy", "news")
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps({"bindings": [{"role": "roles/viewer", "members": ["user:b@example.com"]}]}))
    gcloud("subscriptions set-iam-policy", "readers", str(policy))
    assert gcloud("subscriptions get-iam-policy", "readers")["bindings"][0]["role"] == "roles/viewer"
