"""The ten minutes from a fresh Google project to a result, with everything between us and Google but Google."""

import json
import time

import pytest
from cloudlike import Rehearsal
from metadata_server import metadata_server

pytestmark = pytest.mark.timeout(180)
ADMIN = "roles/pubsub.admin"
PREDICT = ("submit", "POST", "/predict", "--json", '{"x": 21}', "--wait", "--wait-timeout", "60")


def predicted(cloud: Rehearsal, *words: str) -> None:
    done = cloud.run(*PREDICT, *words)
    assert (done.code, json.loads(done.out or "null")) == (0, {"doubled": 42}), done.err + cloud.log


def test_a_service_account_sets_up_works_and_submits(cloud):
    cloud.key_to_use("admin", ADMIN)
    done = cloud.run("setup")
    assert done.code == 0, done.err
    with cloud.worker():
        predicted(cloud)
        done = cloud.run("status")
        assert done.code == 0, done.err
        assert "succeeded 1" in done.out
        done = cloud.run("doctor")
        assert done.code == 0, done.out
        assert "nothing is wrong" in done.out
    assert "drained" in cloud.log
    assert {"oauth2.googleapis.com:443", "pubsub.googleapis.com:443"} <= set(cloud.proxy.asked)


def test_a_token_that_runs_out_while_the_stream_is_open_costs_no_job(cloud):
    cloud.key_to_use("admin", ADMIN)
    assert cloud.run("setup").code == 0
    cloud.accounts.lifetime_s = 3
    with cloud.worker():
        predicted(cloud)
        before = cloud.cloud.cut
        deadline = time.monotonic() + 40
        while cloud.cloud.cut < before + 4:
            assert time.monotonic() < deadline, cloud.log
            time.sleep(0.1)
        predicted(cloud)
    assert "drained" in cloud.log
    assert "Traceback" not in cloud.log


def test_while_no_token_can_be_had_a_worker_waits_and_goes_on_by_itself(cloud):
    cloud.key_to_use("admin", ADMIN)
    assert cloud.run("setup").code == 0
    cloud.accounts.lifetime_s = 3
    with cloud.worker() as process:
        predicted(cloud)
        cloud.apis.broken = True
        before = cloud.cloud.cut
        deadline = time.monotonic() + 30
        while cloud.cloud.cut < before + 1 or "no token for" not in cloud.log:
            assert time.monotonic() < deadline, cloud.log
            time.sleep(0.1)
        assert process.poll() is None
        cloud.apis.broken = False
        predicted(cloud)
    assert process.returncode == 0
    assert "Traceback" not in cloud.log


def test_a_token_that_is_good_for_minutes_yet_is_used_while_no_other_can_be_had(cloud):
    cloud.key_to_use("admin", ADMIN)
    assert cloud.run("setup").code == 0
    cloud.accounts.lifetime_s = 200  # less than what is left when the next one is asked for
    with cloud.worker() as process:
        predicted(cloud)
        cloud.apis.broken = True
        cloud.accounts.lifetime_s = 3600
        job = cloud.run(*PREDICT[:-3], "--credentials-file", "key.json")
        assert job.code == 5, "who begins has no token yet"
        assert "no token for admin@" in job.err
        acked = cloud.cloud.calls["Acknowledge"]
        # By the way behind the cloud, where nobody asks for a token.
        behind = {"PUBSUBCTL_BROKER": "embedded", "PUBSUB_EMULATOR_HOST": cloud.emulator}
        assert cloud.run(*PREDICT, env=behind).code == 0, cloud.log
        deadline = time.monotonic() + 10
        while cloud.cloud.calls["Acknowledge"] == acked:
            assert time.monotonic() < deadline, "who has a token works"
            time.sleep(0.1)
        cloud.apis.broken = False
        predicted(cloud)
    assert process.returncode == 0


def test_on_a_machine_of_googles_it_is_the_machines_own_account(cloud):
    """Its metadata server gives tokens, and tells whose they are once one was asked for."""
    email = cloud.accounts.create("vm", ADMIN)
    path = cloud.folder / "pubsubctl.toml"
    path.write_text(path.read_text().replace('credentials_file = "key.json"\n', ""))
    with metadata_server(cloud.accounts, email) as address:
        cloud.more |= {"GCE_METADATA_HOST": address, "GCE_METADATA_IP": address, "NO_GCE_CHECK": "false"}
        assert cloud.run("setup").code == 0
        done = cloud.run("doctor")
    assert done.code == 0, done
    assert f"{email}: the service account of this machine, from metadata server" in done.out


@pytest.mark.parametrize("what", ["missing", "drift"])
def test_what_doctor_mends_in_the_cloud_it_then_looks_at(cloud, what):
    cloud.key_to_use("admin", ADMIN)
    if what == "drift":
        assert cloud.run("setup").code == 0
        assert cloud.run("subscriptions", "update", "pubsubctl-workers", "--expiration-period", "10d").code == 0
        assert cloud.run("doctor").code == 1
    done = cloud.run("doctor", "--fix")
    assert "fixed  subscription" in done.out, done
    assert "ok     permission     pubsub.topics.publish" in done.out
    assert cloud.run("setup").code == 0
    assert cloud.run("doctor").code == 0
