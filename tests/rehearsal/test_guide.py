"""README's ten minutes on Google Cloud, each command as it stands there."""

import re
import shlex
from pathlib import Path

import pytest
from cloudlike import PROJECT

README = Path(__file__).parents[2] / "README.md"

pytestmark = pytest.mark.timeout(180)


def commands() -> list[list[str]]:
    guide = README.read_text().partition("\n## On Google Cloud\n")[2].partition("\n## ")[0]
    return [shlex.split(line) for line in re.findall(r"^\$ (.+)$", guide, re.MULTILINE)]


def test_the_commands_lead_to_a_result(cloud):
    cloud.key_to_use("owner", "roles/pubsub.admin", "roles/iam.serviceAccountAdmin", "roles/iam.serviceAccountKeyAdmin")
    ours = [words[1:] for words in commands() if words[0] == "pubsubctl"]
    assert [words[0] for words in ours] == ["setup", "setup", "doctor", "worker", "submit"]
    *before, worker, submit = ours
    for words in before:
        done = cloud.run(*words)
        assert done.code == 0, done
    app = worker.index("app:app")
    with cloud.worker(*worker[app + 1 :]):
        done = cloud.run(*submit, "--wait-timeout", "60")
        assert (done.code, done.out.strip()) == (0, '{"doubled":42}'), done.err + cloud.log
    assert "jobs-worker" not in cloud.log


def test_what_is_gclouds_is_for_the_project_of_the_guide():
    theirs = [words for words in commands() if words[0] == "gcloud"]
    assert [words[1:3] for words in theirs] == [["auth", "application-default"], ["services", "enable"]]
    assert f"--project={PROJECT}" in theirs[1]
