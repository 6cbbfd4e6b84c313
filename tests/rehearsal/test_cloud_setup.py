"""Who may do what: service accounts, roles on single resources, and the same plan printed for others."""

import json
import os
import shlex
import shutil
import subprocess
from typing import Any

import hcl2
import pytest
from cloudlike import PROJECT, Rehearsal

pytestmark = pytest.mark.timeout(240)
OWNER = ("roles/pubsub.admin", "roles/iam.serviceAccountAdmin", "roles/iam.serviceAccountKeyAdmin")
AGENT = "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"


def planned(cloud: Rehearsal, *words: str) -> dict[str, str]:
    """What became of each grant, by role and resource."""
    done = cloud.run("setup", *words, "--format", "json")
    assert done.code == 0, done.err
    grants = json.loads(done.out)["grants"]
    return {
        f"{each['role'].rpartition('.')[2]} {each['resource'].split('/', 2)[2]} {each['member']}": each["action"]
        for each in grants
    }


def test_pubsub_itself_may_move_dead_letters(cloud):
    cloud.key_to_use("owner", *OWNER)
    wanted = [
        f"publisher topics/pubsubctl-dead {AGENT}",
        f"subscriber subscriptions/pubsubctl-workers {AGENT}",
    ]
    assert planned(cloud, "--dry-run") == dict.fromkeys(wanted, "grant")
    assert planned(cloud) == dict.fromkeys(wanted, "granted")
    assert planned(cloud) == dict.fromkeys(wanted, "exists")
    assert planned(cloud, "--dry-run") == dict.fromkeys(wanted, "exists")
    assert "Pub/Sub itself has roles/pubsub.publisher on" in cloud.run("doctor").out


def test_what_one_may_not_grant_is_left_with_the_commands_that_do(cloud):
    email = cloud.key_to_use("editor", "roles/pubsub.editor")
    done = cloud.run("setup")
    assert done.code == 0
    assert f"{email} may not pubsub.topics.getIamPolicy on" in done.err
    command = f"gcloud pubsub topics add-iam-policy-binding pubsubctl-dead --project={PROJECT} --member={AGENT}"
    assert f"{command} --role=roles/pubsub.publisher" in done.err


def test_what_goes_wrong_in_the_end_hides_nothing_that_was_done(cloud):
    cloud.key_to_use("admin", "roles/pubsub.admin", "roles/iam.serviceAccountAdmin")
    done = cloud.run("setup", "--service-account", "jobs-worker", "--key-file", "worker.json")
    assert done.code == 1
    assert done.err.splitlines()[-1].endswith(
        "somebody has to grant roles/iam.serviceAccountKeyAdmin on project acme-prod"
    )
    assert "subscriptions/pubsubctl-workers  created" in done.out
    assert f"roles/pubsub.publisher on projects/{PROJECT}/topics/pubsubctl-dead to {AGENT}  granted" in done.out
    assert not (cloud.folder / "worker.json").exists()


def test_two_accounts_with_a_few_roles_are_enough_for_jobs(cloud):
    cloud.key_to_use("owner", *OWNER)
    for name in ("worker", "submitter"):
        account = f"jobs-{name}"
        done = cloud.run("setup", "--service-account", account, "--for", name, "--key-file", f"{name}.json")
        assert done.code == 0, done.err
        assert f"{account}@{PROJECT}.iam.gserviceaccount.com  created" in done.out
        assert (cloud.folder / f"{name}.json").stat().st_mode & 0o777 == 0o600
    cloud.use("worker.json")
    with cloud.worker() as process:
        words = ("submit", "POST", "/predict", "--json", '{"x": 21}', "--credentials-file", "submitter.json")
        done = cloud.run(*words, "--wait", "--wait-timeout", "60")
        assert (done.code, json.loads(done.out or "null")) == (0, {"doubled": 42}), done.err + cloud.log
        done = cloud.run("doctor")
        assert done.code == 0, done.out
        assert "pubsub.subscriptions.consume, pubsub.subscriptions.get on" in done.out
    assert process.returncode == 0
    assert "may not" not in cloud.log
    done = cloud.run("worker", "start", "app:app", "--credentials-file", "submitter.json")
    assert done.code == 1
    assert "may not pubsub.subscriptions.get" in done.err


def test_an_account_that_is_there_is_used_and_its_key_never_written_over(cloud):
    cloud.key_to_use("owner", *OWNER)
    asked = ("setup", "--service-account", "jobs-worker", "--key-file", "worker.json")
    assert cloud.run(*asked).code == 0
    before = (cloud.folder / "worker.json").read_text()
    done = cloud.run(*asked)
    assert (done.code, done.out) == (2, "")
    assert "worker.json is there already, and a key is never written over" in done.line
    assert (cloud.folder / "worker.json").read_text() == before
    assert "exists" in cloud.run(*asked[:3]).out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--service-account", "X"), "no service account can be called 'X'"),
        (("--service-account", 'a";id;"@b'), "is of another project"),
        (("--service-account", "jobs@elsewhere.iam.gserviceaccount.com"), "is of another project"),
        (("--service-account", "jobs-worker", "--key-file", "k", "--print", "terraform"), "in its state"),
        (("--for", "worker"), "--for is about a service account"),
        (("--key-file", "k.json"), "--key-file is about a service account"),
        (("--service-account", "jobs-worker", "--for", "boss"), "'boss' is not one of 'submitter', 'worker'"),
        (("--service-account", "jobs-worker", "--broker", "embedded"), "--service-account is for the cloud"),
        (("--print", "gcloud", "--broker", "embedded"), "--print is for the cloud"),
    ],
)
def test_options_that_make_no_sense(cloud, words, said):
    done = cloud.run("setup", *words)
    assert done.code == 2
    assert said in done.line


def test_the_script_of_gcloud_makes_what_setup_would(cloud, lack):
    if shutil.which("gcloud") is None:
        lack("gcloud", "gcloud is not installed")
    cloud.key_to_use("owner", *OWNER)
    options = ("--max-delivery-attempts", "7", "--enable-message-ordering", "--message-filter", 'attributes.a = "b c"')
    account = ("--service-account", "jobs-worker")
    done = cloud.run("setup", *options, *account, "--key-file", "worker's.json", "--print", "gcloud")
    assert done.code == 0, done.err
    script = cloud.folder / "setup.sh"
    script.write_text(done.out)
    ran = subprocess.run(
        ["bash", str(script)],
        cwd=cloud.folder,
        env=os.environ | cloud.for_gcloud(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert (cloud.folder / "worker's.json").stat().st_mode & 0o777 == 0o600
    found = json.loads(cloud.run("setup", *options, *account, "--format", "json").out)
    assert {step["action"] for step in found["steps"]} == {"exists"}
    assert {grant["action"] for grant in found["grants"]} == {"exists"}
    assert found["account"]["made"] is False


FILTER = 'attributes.a = "b ${c} %{d}" AND\n  NOT attributes:e'


def test_terraform_is_told_the_same(cloud):
    words = ("--message-filter", FILTER, "--min-retry-delay", "1.5s", "--enable-exactly-once-delivery")
    done = cloud.run("setup", *words, "--service-account", "jobs-worker", "--for", "worker", "--print", "terraform")
    assert done.code == 0, done.err
    found = resources(done.out)
    assert [each["name"] for each in found["google_pubsub_topic"].values()] == ["pubsubctl-requests", "pubsubctl-dead"]
    dead, returned, workers = found["google_pubsub_subscription"].values()
    assert (dead["name"], dead["topic"]) == ("pubsubctl-dead", "google_pubsub_topic.topic_2.id")
    assert returned["filter"] == "attributes:CloudPubSubDeadLetterSourceSubscription"
    assert (workers["topic"], workers["ack_deadline_seconds"]) == ("google_pubsub_topic.topic_1.id", 60)
    assert workers["message_retention_duration"] == "2678400s"
    assert workers["expiration_policy"] == {"ttl": ""}
    assert workers["dead_letter_policy"] == {
        "dead_letter_topic": "google_pubsub_topic.topic_2.id",
        "max_delivery_attempts": 100,
    }
    assert workers["retry_policy"] == {"minimum_backoff": "1.5s", "maximum_backoff": "60s"}
    assert workers["enable_exactly_once_delivery"] is True
    assert found["google_service_account"]["account"]["account_id"] == "jobs-worker"
    assert "${" not in done.out.replace("$${", "").replace("${data.google_project.of.number}", "")
    assert 'filter = "attributes.a = \\"b $${c} %%{d}\\" AND\\n  NOT attributes:e"' in done.out
    granted = [
        (each.get("topic") or each.get("subscription"), each["role"].rpartition(".")[2], each["member"])
        for kind in ("google_pubsub_topic_iam_member", "google_pubsub_subscription_iam_member")
        for each in found[kind].values()
    ]
    agent = "serviceAccount:service-${data.google_project.of.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
    ours = "google_service_account.account.member"
    assert sorted(granted) == sorted(
        [
            ("google_pubsub_topic.topic_2.name", "publisher", agent),
            ("google_pubsub_subscription.subscription_3.name", "subscriber", agent),
            ("google_pubsub_topic.topic_1.name", "publisher", ours),
            ("google_pubsub_topic.topic_2.name", "publisher", ours),
            ("google_pubsub_topic.topic_2.name", "viewer", ours),
            ("google_pubsub_subscription.subscription_3.name", "subscriber", ours),
            ("google_pubsub_subscription.subscription_3.name", "viewer", ours),
            ("google_pubsub_subscription.subscription_2.name", "subscriber", ours),
        ]
    )


PLACES = ("--store", "firestore://acme-data/jobs", "--payloads", "gs://acme-bodies/jobs")
WORKER = f"serviceAccount:jobs-worker@{PROJECT}.iam.gserviceaccount.com"


def test_what_the_store_and_the_bucket_need_is_told_with_the_commands_that_grant_it(cloud, lack):
    cloud.key_to_use("owner", *OWNER)
    words = (*PLACES, "--service-account", "jobs-worker", "--dry-run")
    done = cloud.run("setup", *words, "--format", "json")
    assert done.code == 0, done.err
    left = [each for each in json.loads(done.out)["grants"] if each["action"] == "left"]
    assert [(each["role"], each["resource"], each["member"]) for each in left] == [
        ("roles/datastore.user", "projects/acme-data/databases/jobs", WORKER),
        ("roles/storage.objectUser", "projects/_/buckets/acme-bodies", WORKER),
    ]
    commands = [each["command"] for each in left]
    assert all(command in cloud.run("setup", *words).err for command in commands)
    assert all(f"known {command}" in cloud.run("setup", *words[:-1], "--print", "gcloud").out for command in commands)
    if shutil.which("gcloud") is None:
        lack("gcloud", "gcloud is not installed")
    for command in commands:
        done = subprocess.run(
            shlex.split(command),
            cwd=cloud.folder,
            env=os.environ | cloud.for_gcloud(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        # What it does not know it ends with a 2; this cloud has no such services, which is a 1.
        assert done.returncode == 1, done.stderr


def test_without_an_account_and_with_places_of_ones_own_nothing_of_the_kind_is_told(cloud):
    cloud.key_to_use("owner", *OWNER)
    asked = ((*PLACES, "--dry-run"), ("--service-account", "jobs-worker", "--dry-run"))
    for words in asked:
        grants = json.loads(cloud.run("setup", *words, "--format", "json").out)["grants"]
        assert {each["action"] for each in grants} == {"grant"}


def test_terraform_has_them_too(cloud):
    words = (*PLACES, "--service-account", "jobs-worker", "--print", "terraform")
    text = cloud.run("setup", *words).out
    found = resources(text)
    (database,), (bucket,) = (
        found[kind].values() for kind in ("google_project_iam_member", "google_storage_bucket_iam_member")
    )
    assert database.pop("condition")["title"] == "pubsubctl"
    assert 'expression = "resource.name==\\"projects/acme-data/databases/jobs\\""' in text
    assert database == {
        "project": "acme-data",
        "role": "roles/datastore.user",
        "member": "google_service_account.account.member",
    }
    assert bucket == {
        "bucket": "acme-bodies",
        "role": "roles/storage.objectUser",
        "member": "google_service_account.account.member",
    }


def test_what_is_printed_keeps_to_the_projects_of_its_names(cloud):
    names = ("--topic", "projects/other/topics/jobs", "--print")
    script = cloud.run("setup", *names, "gcloud").out
    assert "gcloud pubsub topics create jobs --project=other" in script
    assert "create pubsubctl-workers --project=acme-prod --topic=projects/other/topics/jobs" in script
    topic = resources(cloud.run("setup", *names, "terraform").out)["google_pubsub_topic"]["topic_1"]
    assert (topic["project"], topic["name"]) == ("other", "jobs")


def resources(text: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Terraform's resources by kind and label, as its language says them."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for each in hcl2.loads(text)["resource"]:
        for kind, labelled in each.items():
            for label, arguments in labelled.items():
                found.setdefault(kind.strip('"'), {})[label.strip('"')] = {
                    name: _plain(value) for name, value in arguments.items() if not name.startswith("__")
                }
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items() if not name.startswith("__")}
    if isinstance(value, str):
        text = value.strip('"') if value.startswith('"') else value
        return text[2:-1] if text.startswith("${") and text.endswith("}") and "@" not in text else text
    return value
