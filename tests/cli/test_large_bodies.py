"""Large bodies on the command line."""

import base64
import json
import os
import stat
from pathlib import Path

import pytest
from cli_project import CliProject, only_line

from pubsubctl.store.messages import Unpublished

MB = 1 << 20
CONTENT = os.urandom(MB)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A project with a payload place, a worker, and a file that is large."""
    project = CliProject(tmp_path_factory.mktemp("large"))
    (project.folder / "pubsubctl.toml").write_text('payloads = "bodies"\n')
    (project.folder / "file").write_bytes(CONTENT)
    assert project.run("setup").returncode == 0
    project.start_worker()
    yield project
    project.close()


def kept(project) -> list[Path]:
    return [path for path in (project.folder / "bodies").rglob("*") if path.is_file()]


def submitted(project, *arguments, **more) -> str:
    done = project.run("submit", "POST", "/echo", *arguments, "--wait", "-o", "echoed", **more)
    assert done.returncode == 0, done.stderr
    assert (project.folder / "echoed").read_bytes() == CONTENT
    return str(project.store.find(limit=1).jobs[0].id)


def test_a_file_goes_there_and_comes_back(large):
    job = submitted(large, "-d", "@file")
    done = large.run("result", job, "-o", "again")
    assert (done.returncode, done.stderr) == (0, "")
    assert (large.folder / "again").read_bytes() == CONTENT
    assert large.json("status", job)["result_bytes"] == MB


def test_so_does_standard_input(large):
    submitted(large, "-d", "-", given=CONTENT)


def test_a_file_of_a_form_goes_there_too(large):
    done = large.run("submit", "POST", "/upload", "-F", "f=@file", "--wait")
    assert json.loads(done.stdout) == {"f": ["file", "application/octet-stream", MB]}


def test_each_file_is_a_job_and_a_body_of_its_own(large):
    before = len(kept(large))
    done = large.run("submit", "POST", "/echo", "--each", "file", "file", "--wait")
    assert done.returncode == 0, done.stderr
    assert len(kept(large)) == before + 4


def test_as_json_it_is_one_document(large):
    job = submitted(large, "-d", "@file")
    for form in ("json", "jsonl"):
        done = large.run("result", job, "--format", form)
        assert base64.b64decode(json.loads(done.stdout)["body_base64"]) == CONTENT
    waited = large.run("submit", "POST", "/echo", "-d", "@file", "--wait", "--format", "json")
    document = json.loads(waited.stdout)
    assert (document["state"], document["result_bytes"]) == ("succeeded", MB)
    assert base64.b64decode(document["body_base64"]) == CONTENT


def test_a_damaged_result_touches_no_file_and_is_told_in_one_line(large):
    job = submitted(large, "-d", "@file")
    (file,) = [path for path in kept(large) if path.parent.name == job and path.name == "1"]
    file.write_bytes(CONTENT[:-1])
    (large.folder / "mine").write_text("what I had")
    done = large.run("result", job, "-o", "mine")
    assert done.returncode == 1
    assert "is damaged" in only_line(done.stderr)
    assert (large.folder / "mine").read_text() == "what I had"
    assert large.run("result", job).stdout == ""


def test_without_the_place_the_error_names_the_setting(large, tmp_path):
    job = submitted(large, "-d", "@file")
    environment = {"PUBSUBCTL_STORE": str(large.folder / ".pubsubctl/jobs.db")}
    large.folder.joinpath("pubsubctl.toml").rename(tmp_path / "pubsubctl.toml")
    try:
        done = large.run("result", job, environment=environment)
        assert done.returncode == 2
        assert "give the --payloads of its worker" in only_line(done.stderr)
        (large.folder / "huge").write_bytes(b"")
        os.truncate(large.folder / "huge", 20 << 30)
        done = large.run("submit", "POST", "/echo", "-d", "@huge", environment=environment)
        assert done.returncode == 2
        assert "--payloads DIR|gs://bucket/prefix" in only_line(done.stderr)
        given = large.run("result", job, "-o", "again", "--payloads", "bodies", environment=environment)
        assert given.returncode == 0, given.stderr
    finally:
        (tmp_path / "pubsubctl.toml").rename(large.folder / "pubsubctl.toml")


def test_a_result_replaces_a_file_as_a_whole_and_keeps_its_mode(large):
    job = submitted(large, "-d", "@file")
    mine = large.folder / "private"
    mine.write_text("old")
    mine.chmod(0o600)
    (large.folder / "link").symlink_to(mine)
    assert large.run("result", job, "-o", "link").returncode == 0
    assert mine.read_bytes() == CONTENT
    assert stat.S_IMODE(mine.stat().st_mode) == 0o600
    assert (large.folder / "link").is_symlink()
    assert large.run("result", job, "-o", "/dev/null").returncode == 0
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    assert [path.name for path in large.folder.glob(".*.part")] == []


def test_dead_letters_tell_of_a_large_request_and_take_it_with_them(large):
    large.run("submit", "POST", "/echo", "-d", "@file", "--delay", "1h")
    (job,) = large.store.find(limit=1).jobs
    (file,) = [path for path in kept(large) if path.parent.name == job.id]
    large.store.unpublished([Unpublished(job.id, "refused", 0, dead_letter=True)])
    shown = large.run("dlq", "show", job.id).stdout
    assert f"in the payload place as {file.relative_to(large.folder / 'bodies')}" in shown
    assert large.json("dlq", "show", job.id)["request"]["body_bytes"] == MB
    done = large.run("dlq", "purge", job.id, "--yes")
    assert done.returncode == 0, done.stderr
    assert not file.exists()
