"""Everything that is wrong with credentials and projects: one line each, with the command that mends it."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from cloudlike import PROJECT, Rehearsal, rehearsal

pytestmark = pytest.mark.timeout(120)
ADMIN = "roles/pubsub.admin"


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Iterator[Rehearsal]:
    """One cloud for all: each case has an account of its own, and mends what it breaks."""
    with rehearsal(tmp_path_factory.mktemp("refused")) as found:
        yield found


@pytest.fixture
def name(request) -> str:
    return re.sub(r"[^a-z]+", "-", request.node.name.lower())[-28:].strip("-")


def said(shared: Rehearsal, code: int, *words: str, **env: str) -> str:
    """The one line that a command ends with."""
    done = shared.run(*(words or ("setup",)), env=env)
    assert (done.code, done.out) == (code, ""), done
    return done.line


def changed_key(change: Callable[[dict[str, str]], object]) -> Callable[[Rehearsal, str], None]:
    def apply(shared: Rehearsal, name: str) -> None:
        shared.key_to_use(name, ADMIN)
        key = json.loads((shared.folder / "key.json").read_text())
        change(key)
        (shared.folder / "key.json").write_text(json.dumps(key))

    return apply


def another_text(text: str) -> Callable[[Rehearsal, str], None]:
    def apply(shared: Rehearsal, name: str) -> None:
        shared.key_to_use(name)
        (shared.folder / "key.json").write_text(text)

    return apply


def test_a_key_file_that_is_not_there(shared):
    (shared.folder / "key.json").unlink(missing_ok=True)
    line = said(shared, 2)
    assert re.search(
        r"credentials_file '.*/key.json' \(from .*pubsubctl.toml\) cannot be used: it cannot be read", line
    )


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (another_text("{not json"), "it is no JSON"),
        (another_text("[]"), 'it has no "type"'),
        (another_text('{"type": "service_account"}'), "missing fields"),
        (another_text('{"type": "nonsense"}'), "nonsense"),
        (changed_key(lambda key: key.update(private_key="-----BEGIN PRIVATE KEY-----\nAA\n")), "cannot be used: "),
    ],
    ids=["no-json", "no-type", "no-fields", "other-type", "no-key"],
)
def test_a_key_file_that_is_none(shared, name, broken, words):
    broken(shared, name)
    line = said(shared, 2)
    assert words in line
    assert "run `gcloud auth application-default login`" in line


def test_a_key_that_was_deleted(shared, name):
    email = shared.key_to_use(name, ADMIN)
    shared.accounts.revoke_keys(email)
    assert re.search(rf"{email} has no such key .* keys create .*key.json --iam-account={email}`", said(shared, 1))


def test_a_key_of_somebody_else(shared, name):
    other = shared.accounts.create(f"{name}-b")
    changed_key(lambda key: key.update(client_email=other))(shared, name)
    assert f"--iam-account={other}" in said(shared, 1)


def test_an_account_that_is_disabled_or_deleted(shared, name):
    email = shared.key_to_use(name, ADMIN)
    shared.accounts.disable(email)
    assert f"run `gcloud iam service-accounts enable {email}`" in said(shared, 1)
    shared.accounts.delete(email)
    assert f"there is no service account {email} (any more); see `gcloud iam" in said(shared, 1)


def test_a_clock_that_is_wrong(shared, name):
    shared.key_to_use(name, ADMIN)
    shared.accounts.ahead_s = 7200
    try:
        assert "the clock of this machine is wrong; run `timedatectl set-ntp true`" in said(shared, 1)
    finally:
        shared.accounts.ahead_s = 0


def test_a_token_endpoint_that_fails_or_is_not_trusted_or_away(shared, name):
    shared.key_to_use(name, ADMIN)
    shared.apis.broken = True
    try:
        assert "temporarily_unavailable" in said(shared, 5)
    finally:
        shared.apis.broken = False
    line = said(shared, 5, REQUESTS_CA_BUNDLE=_certifi())
    assert "the certificate of oauth2.googleapis.com is not trusted here" in line
    assert "REQUESTS_CA_BUNDLE" in line
    nowhere = "http://127.0.0.1:1"
    line = said(shared, 5, HTTPS_PROXY=nowhere, https_proxy=nowhere)
    assert "the proxy on the way to oauth2.googleapis.com cannot be used; see HTTPS_PROXY" in line


def test_a_certificate_that_is_not_trusted(shared, name):
    shared.key_to_use(name, ADMIN)
    line = said(shared, 5, GRPC_DEFAULT_SSL_ROOTS_FILE_PATH=_certifi())
    assert "the certificate of pubsub.googleapis.com is not trusted here" in line
    assert "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH" in line


def test_an_api_that_is_not_enabled(shared, name):
    shared.key_to_use(name, ADMIN)
    shared.cloud.enabled = False
    try:
        line = said(shared, 1)
    finally:
        shared.cloud.enabled = True
    assert f"run `gcloud services enable pubsub.googleapis.com --project={PROJECT}`" in line


def test_a_project_that_is_not_there(shared, name):
    email = shared.key_to_use(name, ADMIN)
    line = said(shared, 1, "setup", "--project", "other-project")
    assert f"there is no project other-project, or {email} may not see it" in line


@pytest.mark.parametrize("tells", [True, False])
def test_a_permission_that_is_missing(shared, name, tells):
    email = shared.key_to_use(name, "roles/pubsub.viewer")
    with telling(shared, tells=tells):
        line = said(shared, 1, "setup", "--topic", "another")
    assert email in line
    if tells:
        assert f"run `gcloud projects add-iam-policy-binding {PROJECT} --member=serviceAccount:{email} " in line
        assert "--role=roles/pubsub.editor`" in line
    else:
        assert "`pubsubctl doctor` tells which permissions are missing" in line


def test_a_quota_that_is_used_up(shared, name):
    shared.key_to_use(name, ADMIN)
    assert shared.run("setup").code == 0
    shared.cloud.refused = {"Publish"}
    try:
        done = shared.run("submit", "POST", "/predict", "--json", "{}")
    finally:
        shared.cloud.refused = set()
    assert done.code == 5
    assert re.search(r"the quota pubsub.googleapis.com/regionalpublisher of project acme-prod is used up", done.err)


def test_a_submitter_who_may_not_publish_has_a_job_that_failed(shared, name):
    shared.key_to_use(name, ADMIN)
    assert shared.run("setup").code == 0
    email = shared.key_to_use(f"{name}-b", "roles/pubsub.viewer")
    done = shared.run("submit", "POST", "/predict", "--json", "{}")
    assert done.code == 1
    grant = "gcloud pubsub topics add-iam-policy-binding pubsubctl-requests --project=acme-prod"
    assert f"run `{grant} --member=serviceAccount:{email} --role=roles/pubsub.publisher`" in done.err


def test_without_a_key_the_application_default_credentials_are_used(shared, name):
    email = shared.key_to_use(name, ADMIN)
    toml = shared.folder / "pubsubctl.toml"
    before = toml.read_text()
    toml.write_text(before.replace('credentials_file = "key.json"\n', ""))
    try:
        assert "there are no credentials here; run `gcloud auth application-default login`" in said(shared, 1)
        line = said(shared, 1, GOOGLE_APPLICATION_CREDENTIALS="/nowhere.json")
        assert "the application default credentials cannot be used: File /nowhere.json was not found" in line
        mine = {"GOOGLE_APPLICATION_CREDENTIALS": str(shared.folder / "key.json")}
        assert shared.run("setup", env=mine).code == 0
        done = shared.run("doctor", env=mine)
        assert re.search(rf"identity +{email}: the key of a service account, from .*key.json", done.out)
        line = said(shared, 1, **mine, GOOGLE_CLOUD_UNIVERSE_DOMAIN="other.example")
        assert "are of the universe domain googleapis.com, not of other.example" in line
    finally:
        toml.write_text(before)


def test_acting_for_another(shared, name):
    email = shared.key_to_use(name)
    boss = shared.accounts.create(f"{name}-boss", ADMIN)
    asked = ("setup", "--impersonate-service-account", boss)
    line = said(shared, 1, *asked)
    assert f"{email} may not act as {boss}; run `gcloud iam service-accounts add-iam-policy-binding {boss}" in line
    assert f"--member=serviceAccount:{email} --role=roles/iam.serviceAccountTokenCreator`" in line
    shared.apis.creators[boss] = {email}
    shared.apis.impersonation_broken = True
    try:
        assert "The service is currently unavailable" in said(shared, 5, *asked)
    finally:
        shared.apis.impersonation_broken = False
    assert shared.run(*asked).code == 0
    shown = shared.run("doctor", *asked[1:]).out
    assert re.search(rf"identity +{boss}, for whom {email} acts: impersonation", shown)
    shared.accounts.revoke_keys(email)
    line = said(shared, 1, *asked)
    assert f"--iam-account={email}`" in line, "whose key it was, and no key of the other"


def test_another_endpoint(shared, name):
    shared.key_to_use(name, ADMIN)
    done = shared.run("setup", "--endpoint", "https://europe-west1-pubsub.googleapis.com/")
    assert done.code == 0, done.err
    assert "cloud (europe-west1-pubsub.googleapis.com)" in done.out
    assert "europe-west1-pubsub.googleapis.com:443" in shared.proxy.asked
    assert "must be HOST or HOST:PORT" in said(shared, 2, "setup", "--endpoint", "a b")


def test_a_key_that_others_can_read_is_warned_of_and_mended(shared, name):
    shared.key_to_use(name, ADMIN)
    key = shared.folder / "key.json"
    key.chmod(0o644)
    assert f"run `chmod 600 {key}`" in shared.run("setup").err
    assert key.stat().st_mode & 0o777 == 0o644
    assert "fixed  key" in shared.run("doctor", "--fix").out
    assert key.stat().st_mode & 0o777 == 0o600
    assert "chmod" not in shared.run("setup").err


def test_a_key_of_the_application_default_credentials_is_warned_of_too(shared, name):
    shared.key_to_use(name, ADMIN)
    key = (shared.folder / "key.json").rename(shared.folder / "default.json")
    key.chmod(0o644)
    done = shared.run("status", env={"GOOGLE_APPLICATION_CREDENTIALS": str(key), "PUBSUBCTL_CREDENTIALS_FILE": ""})
    assert f"run `chmod 600 {key}`" not in done.err, "the file of pubsubctl.toml goes before it"
    toml = shared.folder / "pubsubctl.toml"
    before = toml.read_text()
    toml.write_text(before.replace('credentials_file = "key.json"\n', ""))
    try:
        assert f"run `chmod 600 {key}`" in shared.run("status", env={"GOOGLE_APPLICATION_CREDENTIALS": str(key)}).err
    finally:
        toml.write_text(before)


def test_whose_credentials_are_refused_is_shown_too(shared, name):
    email = shared.key_to_use(name, ADMIN)
    shared.cloud.enabled = False
    try:
        done = shared.run("doctor")
    finally:
        shared.cloud.enabled = True
    assert done.code == 1
    assert re.search(rf"ok +identity +{email}", done.out)
    assert re.search(
        r"wrong +broker +the Pub/Sub API is not enabled in project acme-prod\n +-> .*gcloud services", done.out
    )


def test_no_secret_is_ever_shown(shared, name):
    shared.key_to_use(name, ADMIN)
    secret = json.loads((shared.folder / "key.json").read_text())["private_key"]
    for words in (("doctor",), ("doctor", "--format", "json"), ("setup", "--debug"), ("status",)):
        done = shared.run(*words)
        assert secret.splitlines()[1] not in done.out + done.err
        assert "ya29." not in done.out + done.err


@contextmanager
def telling(shared: Rehearsal, *, tells: bool) -> Iterator[None]:
    shared.cloud.tells_permissions = tells
    try:
        yield
    finally:
        shared.cloud.tells_permissions = True


def _certifi() -> str:
    import certifi

    return certifi.where()
