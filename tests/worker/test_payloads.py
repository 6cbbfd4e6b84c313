"""Large bodies go by claim check, through a real worker: kept apart, checked, deleted with their jobs."""

import hashlib
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bodies import PIECE
from breaking import publish
from project import Project, ended, in_state, until_running, wait_for

from pubsubctl import JobState
from pubsubctl.broker.publish import Outgoing
from pubsubctl.emulator import daemon
from pubsubctl.errors import BrokerUnreachable, InvalidRequest, InvalidSetting, PayloadDamaged, PayloadMissing
from pubsubctl.payloads.keys import folder_of
from pubsubctl.submission import build

MB = 1 << 20


@pytest.fixture
def project(project):
    (project.folder / "pubsubctl.toml").write_text('payloads = "bodies"\n')
    return project


def start(project: Project, *flags: str):
    return project.worker("-p", "1", *flags, app="bodies:app")


def root(project: Project) -> Path:
    return project.folder / "bodies"


def kept(project: Project) -> list[str]:
    """The names of all files in the place."""
    return sorted(path.name for path in root(project).rglob("*") if path.is_file())


def without_place(project: Project) -> None:
    (project.folder / "pubsubctl.toml").unlink()


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_large_request_and_a_large_response_are_kept_apart_and_come_back(project):
    start(project)
    content = os.urandom(3 * MB)
    with project.client() as client:
        job = client.submit("POST", "/both/48", data=content)
        response = job.result(30)
        assert response.body == PIECE * 48
        assert response.header("x-digest") == digest_of(content)
        assert job.refresh().result_bytes == 48 * len(PIECE)
        assert kept(project) == ["1", "request"]
        stored = client.store.response(job.id)
        assert stored is not None
        assert (stored.body, stored.size) == (b"", 48 * len(PIECE))


def test_what_is_at_the_inline_limit_stays_with_its_job_and_a_byte_more_does_not(project):
    start(project)
    with project.client() as client:
        assert client.submit("POST", "/digest", data=bytes(256 << 10)).result(30).json()["size"] == 256 << 10
        assert client.submit("GET", "/large/4").result(30).body == PIECE * 4
        assert kept(project) == []
        assert (
            client.submit("POST", "/digest", data=bytes((256 << 10) + 1)).result(30).json()["size"] == (256 << 10) + 1
        )
        assert kept(project) == ["request"]
        assert client.submit("GET", "/large/5").result(30).body == PIECE * 5
    assert kept(project) == ["1", "request"]


def test_the_application_reads_a_large_body_as_from_any_server(project):
    start(project)
    with project.client() as client:
        content = b"a line\n" * 100_000
        answer = client.submit("POST", "/digest", data=content).result(30).json()
        assert answer == {"digest": digest_of(content), "size": len(content), "length": str(len(content))}
        assert client.submit("POST", "/lines", data=content).result(30).json() == {"lines": 100_000}


def peak_mb(pid: int) -> float:
    """The most memory that a process has had in use."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def child_of(pid: int) -> int:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (entry / "stat").exists():
            parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
            if parent == str(pid) and b"worker.child" in (entry / "cmdline").read_bytes():
                return int(entry.name)
    raise AssertionError("the worker has no child")


def submit_by_command(project: Project, count: int, file: Path, output: Path) -> float:
    """Submit a file, wait, put the response into a file; the most memory that that took, in MB."""
    command = [sys.executable, "-m", "pubsubctl", "submit", "POST", f"/both/{count}", "-d", f"@{file}"]
    process = subprocess.Popen([*command, "--wait", "-o", str(output)], cwd=project.folder, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss / 1024


def random_file(path: Path, megabytes: int) -> str:
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(megabytes):
            piece = os.urandom(MB)
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def extra_memory(project: Project, megabytes: int) -> dict[str, float]:
    """How much more memory each process needs for such bodies, both ways, than for small ones, in MB."""
    worker = start(project)
    child = child_of(worker.pid)
    file, output = project.folder / "file", project.folder / "output"
    random_file(file, 1)
    client_before = submit_by_command(project, 16, file, output)
    before = {"parent": peak_mb(worker.pid), "child": peak_mb(child)}
    random_file(file, megabytes)
    client_after = submit_by_command(project, 16 * megabytes, file, output)
    assert output.stat().st_size == megabytes * MB
    after = {"parent": peak_mb(worker.pid), "child": peak_mb(child)}
    assert child_of(worker.pid) == child
    return {name: after[name] - before[name] for name in after} | {"client": client_after - client_before}


def test_40_mb_both_ways_need_no_memory_of_that_size_in_any_process(project):
    extra = extra_memory(project, 40)
    assert all(more < 15 for more in extra.values()), extra


@pytest.mark.long
def test_200_mb_both_ways_need_less_than_100_mb_more_in_any_process(project):
    extra = extra_memory(project, 200)
    print(extra)
    assert all(more < 100 for more in extra.values()), extra


# --- what can be wrong with a body ----------------------------------------------------------------------------------


def the_file(project: Project, name: str = "request") -> Path:
    (found,) = root(project).rglob(name)
    return found


def test_a_damaged_request_never_reaches_the_application_and_is_a_dead_letter_that_can_be_replayed(project):
    content = os.urandom(MB)
    with project.client() as client:
        job = client.submit("POST", "/digest", data=content)
        file = the_file(project)
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        start(project)
        record = ended(job)
        assert (record.state, record.reason, record.attempt) == (JobState.FAILED, "payload-damaged", 1)
        assert "is damaged: its digest is not that which was noted" in (record.error or "")
        file.write_bytes(content)
        assert job.retry()
        assert job.result(30).json()["digest"] == digest_of(content)


def test_a_place_that_goes_away_is_waited_for_and_counts_as_no_failure_of_the_application(project):
    start(project)
    away = project.folder / "unmounted"
    with project.client() as client:
        assert client.submit("POST", "/digest", data=bytes(MB)).result(30).status == 200
        jobs = [client.submit("POST", "/digest", data=bytes(MB), delay=0.5) for _ in range(3)]
        root(project).rename(away)
        for job in jobs:
            wait_for(in_state(client, job.id, JobState.RETRYING), what="the body cannot be read")
        record = jobs[0].refresh()
        assert (record.reason, record.failures, record.crashes) == ("payload-unreachable", 0, 1)
        assert "cannot be read: No such file or directory" in (record.error or "")
        away.rename(root(project))
        assert [job.result(30).status for job in jobs] == [200] * 3
        assert client.submit("GET", "/large/16").result(30).status == 200
        wait_for(lambda: "can be read and kept again" in project.log(), what="the worker says that it is back")
    assert project.log().count("jobs wait for bodies that are kept apart") == 1


def test_a_response_that_cannot_be_kept_is_given_once_more(project):
    start(project)
    with project.client() as client:
        root(project).rmdir()
        root(project).write_text("a file, where the place should be")
        job = client.submit("GET", "/large/16")
        wait_for(in_state(client, job.id, JobState.RETRYING), what="the answer cannot be kept")
        assert job.refresh().reason == "payload-unreachable"
        assert "cannot be written" in (job.refresh().error or "")
        root(project).unlink()
        root(project).mkdir()  # by whoever has mended it: a worker takes one that is gone for unmounted
        assert job.result(30).body == PIECE * 16


def test_a_worker_without_a_place_leaves_a_large_request_to_others_and_names_the_setting(project):
    with project.client() as client:
        job = client.submit("POST", "/digest", data=bytes(MB))
    without_place(project)
    first = start(project)
    with project.client() as client:
        wait_for(in_state(client, job.id, JobState.RETRYING), what="the body cannot be read")
        record = client.get(job.id)
        assert record.reason == "payload-unreachable"
        assert "start it with the --payloads that it was submitted with" in (record.error or "")
        project.stop(first)
        start(project, "--payloads", str(root(project)))
        assert client.job(job.id).result(30).json()["size"] == MB


def test_a_result_that_was_tampered_with_is_not_given_out(project):
    start(project)
    with project.client() as client:
        job = client.submit("GET", "/large/16")
        job.wait(30)
        file = the_file(project, "1")
        file.write_bytes(PIECE * 15 + PIECE[::-1])
        with pytest.raises(PayloadDamaged, match=f"the result of job {job.id} cannot be had"):
            job.result()
        file.unlink()
        with pytest.raises(PayloadMissing):
            job.result()


def test_a_result_is_not_to_be_had_where_no_place_is_set(project):
    start(project)
    with project.client() as client:
        job = client.submit("GET", "/large/16")
        job.wait(30)
    without_place(project)
    with project.client() as client, pytest.raises(InvalidSetting, match="give the --payloads of its worker"):
        client.result(job.id)


# --- what is left ---------------------------------------------------------------------------------------------------


def test_what_a_failed_attempt_has_answered_is_deleted_and_the_last_answer_kept(project):
    start(project)
    with project.client() as client:
        job = client.submit("GET", "/large-until/3")
        assert job.result(40).body == PIECE * 16
        assert job.refresh().attempt == 3
    wait_for(lambda: kept(project) == ["3"], what="the answers of the others are deleted")


def test_an_application_that_breaks_in_the_middle_has_answered_500_and_leaves_nothing(project):
    start(project, "--max-attempts", "1")
    with project.client() as client:
        job = client.submit("GET", "/breaks/16")
        assert job.result(30).body == b"Internal Server Error"
    assert kept(project) == []


def test_a_response_over_the_limit_is_refused_and_leaves_nothing(project):
    start(project, "--payload-limit", "1M")
    with project.client() as client:
        job = client.submit("GET", "/large/17")
        record = ended(job)
        assert record.reason == "result-too-large"
        assert "(over 1,048,576 bytes); raise --payload-limit of the workers" in (record.error or "")
    assert kept(project) == []


def test_a_job_that_is_cancelled_while_it_answers_keeps_no_answer(project):
    start(project)
    with project.client() as client:
        job = client.submit("GET", f"/large-and-waits{project.folder}/end")
        until_running(job)
        wait_for(lambda: kept(project) != [], what="it has begun to answer")
        job.cancel()
        wait_for(lambda: "is ours no more and is stopped" in project.log(), what="the worker stops it")
        assert client.submit("GET", "/large/1").result(30).status == 200
        assert all(name.endswith(".part") for name in kept(project))


def test_the_bodies_of_jobs_that_are_purged_go_with_them(project):
    worker = start(project)
    with project.client() as client:
        job = client.submit("POST", "/both/16", data=bytes(MB))
        job.wait(30)
        other = client.submit("POST", "/digest", data=bytes(MB), delay=3600)
    project.stop(worker)
    assert kept(project) == ["1", "request", "request"]
    project.environment["PUBSUBCTL_RESULT_TTL"] = "0.1s"
    time.sleep(0.2)
    start(project)
    wait_for(lambda: kept(project) == ["request"], what="the bodies are deleted")
    with project.client() as client:
        assert client.store.get([job.id]) == [None]
        assert (root(project) / folder_of(client.store.store_id, other.id) / "request").exists()


# --- submitting -----------------------------------------------------------------------------------------------------


def test_a_body_may_be_a_path_or_an_open_file_from_where_it_stands(project):
    start(project)
    file = project.folder / "a.bin"
    file.write_bytes(os.urandom(MB))
    with project.client() as client, file.open("rb") as opened:
        opened.seek(100)
        by_path = client.submit("POST", "/digest", data=file)
        rest = client.submit("POST", "/digest", data=opened)
        assert by_path.result(30).json()["digest"] == digest_of(file.read_bytes())
        assert rest.result(30).json()["digest"] == digest_of(file.read_bytes()[100:])


def test_a_known_idempotency_key_leaves_one_body(project):
    with project.client() as client:
        first = client.submit("POST", "/digest", data=bytes(MB), idempotency_key="k")
        again = client.submit("POST", "/digest", data=bytes(MB), idempotency_key="k")
        assert (again.id, again.existed) == (first.id, True)
        with pytest.raises(InvalidRequest, match="the body is not the same"):
            client.submit("POST", "/digest", data=bytes(MB - 1) + b"x", idempotency_key="k")
        with pytest.raises(InvalidRequest, match="the body is not the same"):
            client.submit("POST", "/digest", data=b"small", idempotency_key="k")
        assert kept(project) == ["request"]
        start(project)
        assert client.job(first.id).result(30).json()["size"] == MB


def test_the_same_body_is_the_same_request_wherever_it_is_kept(project):
    content = os.urandom(MB)
    with project.client() as client:
        first = client.submit("POST", "/digest", data=content, idempotency_key="k")
    without_place(project)
    with project.client() as client:
        assert client.submit("POST", "/digest", data=content, idempotency_key="k").id == first.id


def test_without_a_broker_nothing_is_put_into_the_place(project):
    with project.client() as client:
        daemon.stop(project.state)
        with pytest.raises(BrokerUnreachable):
            client.submit("POST", "/digest", data=bytes(MB))
    assert not root(project).exists()


def test_a_file_that_changes_while_it_is_read_is_refused_and_leaves_nothing(project):
    file = project.folder / "a.bin"
    file.write_bytes(bytes(MB))
    with project.client() as client:
        submission = build("POST", "/digest", data=file)
        file.write_bytes(bytes(MB // 2))
        with pytest.raises(InvalidRequest, match="was changed while it was read"):
            list(client.submit_many([submission]))
    assert kept(project) == []


def test_what_is_too_large_for_a_message_is_refused_before_it_is_read_where_there_is_no_place(project):
    without_place(project)
    file = project.folder / "huge"
    with file.open("wb") as sparse:
        sparse.truncate(50 << 30)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with project.client() as client, pytest.raises(InvalidRequest, match=r"--payloads DIR\|gs://bucket/prefix"):
        client.submit("POST", "/digest", data=file)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 << 10


def test_what_is_over_the_payload_limit_is_refused(project):
    with project.client() as client:
        file = project.folder / "huge"
        with file.open("wb") as sparse:
            sparse.truncate(11 << 30)
        with pytest.raises(InvalidRequest, match="more than the 10,737,418,240 bytes that go into the payload place"):
            client.submit("POST", "/digest", data=file)
    assert kept(project) == []


def test_many_results_are_read_one_large_one_at_a_time(project):
    start(project)
    with project.client() as client:
        jobs = [client.submit("GET", f"/large/{count}") for count in (1, 16, 2, 32)]
        found = {job.id: response for job, response in client.results(jobs, timeout=30)}
        assert [len(found[job.id].body) // len(PIECE) for job in jobs] == [1, 16, 2, 32]


def test_a_result_whose_body_is_gone_keeps_none_of_the_others_back(project):
    start(project)
    with project.client() as client:
        jobs = [client.submit("GET", f"/large/{count}") for count in (16, 17, 18)]
        list(client.wait(jobs, 30))
        for job in jobs[:2]:
            (path,) = (path for path in root(project).rglob("*") if path.is_file() and job.id in str(path))
            path.unlink()
        found = []
        with pytest.raises(PayloadMissing, match=r"the result of job .* and those of 1 more"):
            found.extend(client.results(jobs, timeout=30))
        assert [job.id for job, _ in found] == [jobs[2].id]


# --- other publishers -----------------------------------------------------------------------------------------------


def test_any_publisher_may_put_a_body_into_the_place_and_name_it(project):
    start(project)
    (root(project) / "incoming").mkdir(parents=True)
    content = os.urandom(MB)
    (root(project) / "incoming" / "a.bin").write_bytes(content)
    said = {"payload-ref": "incoming/a.bin", "payload-size": str(MB), "payload-digest": digest_of(content)}
    publish(project, Outgoing(b"", {"job-id": "theirs", "path": "/digest", **said}))
    with project.client() as client:
        wait_for(in_state(client, "theirs", JobState.SUCCEEDED), what="it runs")
        assert client.result("theirs").json()["digest"] == digest_of(content)


@pytest.mark.parametrize("key", ["../../etc/passwd", "/etc/passwd", "gs://bucket/x"])
def test_a_message_that_names_a_body_elsewhere_is_malformed(project, key):
    start(project)
    said = {"payload-ref": key, "payload-size": "1", "payload-digest": "0" * 64}
    publish(project, Outgoing(b"", {"job-id": "theirs", "path": "/digest", **said}))
    with project.client() as client:
        wait_for(lambda: bool(client.store.counts()[JobState.FAILED]), what="it is a dead letter")
        (letter,) = client.store.find(states=[JobState.FAILED]).jobs
        assert letter.reason == "malformed"
        assert "is no key of a payload" in (letter.error or "")
