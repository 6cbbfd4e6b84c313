"""doctor, on the laptop: what is wrong is told with what mends it, and with --fix it is mended."""

import json
import sqlite3
import time
from contextlib import closing

import lives
import pytest

from pubsubctl.doctor.asking import skew
from pubsubctl.doctor.finding import Level


def found(folder, *words, code=0, **more):
    """Its findings, by place; several of one place as a list of texts."""
    done = folder.run("doctor", "--format", "json", *words, **more)
    assert done.returncode == code, done
    places = {}
    for each in json.loads(done.stdout):
        places.setdefault(each["place"], []).append(each)
    return places


def wrongs(places):
    return {
        place: [each["text"] for each in some if each["level"] == "wrong"]
        for place, some in places.items()
        if any(each["level"] == "wrong" for each in some)
    }


def test_before_setup_it_says_what_makes_things(folder):
    done = folder.run("doctor")
    assert done.returncode == 1
    assert "wrong  broker         no emulator runs here\n" in done.stdout
    assert "-> start one with `pubsubctl setup`" in done.stdout
    assert "wrong  store          there is no store" in done.stdout
    assert done.stdout.endswith("\n2 things to mend\n")


def test_after_setup_nothing_is_wrong(served):
    done = served.run("doctor")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("\nnothing is wrong\n")
    assert "note   worker         none runs\n" in done.stdout
    lines = served.run("doctor", "--format", "jsonl").stdout.splitlines()
    assert {tuple(json.loads(line)) for line in lines} == {("place", "level", "text", "remedy", "fixed")}
    assert {json.loads(line)["level"] for line in lines} == {"ok", "note"}


def test_settings_are_shown_with_where_they_came_from(served):
    more = {"PUBSUBCTL_MAX_ATTEMPTS": "9", "PUBSUBCTL_PAYLOADS": "s3://user:secret@bucket/x"}
    shown = [each["text"] for each in found(served, "--topic", "orders", code=1, environment=more)["setting"]]
    assert "topic = orders (from --topic)" in shown
    assert "max_attempts = 9 (from PUBSUBCTL_MAX_ATTEMPTS)" in shown
    assert not any("secret" in text for text in shown)


def test_a_subscription_that_would_expire_is_mended(served):
    served.run("subscriptions", "delete", "pubsubctl-workers", "--yes")
    made = ("subscriptions", "create", "pubsubctl-workers", "--topic", "pubsubctl-requests")
    assert served.run(*made, "--dead-letter-topic", "pubsubctl-dead").returncode == 0
    told = wrongs(found(served, code=1))
    assert list(told) == ["subscription"]
    assert "expiration_policy is 31 days, should be never" in told["subscription"][0]
    mended = found(served, "--fix")
    assert [each["fixed"] for each in mended["subscription"]] == [False, False, True]
    assert wrongs(found(served)) == {}


def test_what_is_missing_is_made(served):
    served.run("topics", "delete", "pubsubctl-dead", "--yes")
    served.run("subscriptions", "delete", "pubsubctl-dead", "--yes")
    told = wrongs(found(served, code=1))
    assert any("topics/pubsubctl-dead is missing" in text for text in told["topic"])
    assert any("subscriptions/pubsubctl-dead is missing" in text for text in told["subscription"])
    found(served, "--fix", code=1)  # what was of the deleted topic can never be of the new one


def test_dead_letters_that_nobody_keeps(served):
    assert served.run("topics", "create", "elsewhere").returncode == 0
    change = ("subscriptions", "update", "pubsubctl-workers", "--dead-letter-topic", "elsewhere")
    assert served.run(*change, "--max-delivery-attempts", "5").returncode == 0
    (lost,) = wrongs(found(served, code=1))["dead letters"]
    assert lost == "projects/pubsubctl-local/topics/elsewhere has no subscription: what the broker dead-letters is lost"
    assert served.run("subscriptions", "create", "kept", "--topic", "elsewhere").returncode == 0
    assert "dead letters" not in wrongs(found(served))


def test_jobs_that_wait_for_long_and_nobody_works(served):
    job_id = lives.added(served.store, "/")
    assert wrongs(found(served)) == {}
    with closing(sqlite3.connect(served.folder / ".pubsubctl" / "jobs.db")) as connection:
        connection.execute("UPDATE jobs SET created_at = ? WHERE id = ?", (time.time() - 700, job_id))
        connection.commit()
        connection.execute("UPDATE jobs SET not_before = ? WHERE id = ?", (time.time() + 3600, job_id))
        connection.commit()
        assert wrongs(found(served)) == {}, "it is to run later"
        connection.execute("UPDATE jobs SET not_before = NULL WHERE id = ?", (job_id,))
        connection.commit()
    told = found(served, code=1)
    assert told["backlog"][0]["text"] == "a job has been due for 12 minutes, and no worker runs"
    assert told["backlog"][0]["remedy"] == "pubsubctl worker start APP"


def test_a_payload_place_that_cannot_be_used(served):
    (served.folder / "file").touch()
    told = found(served, "--payloads", str(served.folder / "file" / "bodies"), code=1)
    assert "cannot be written: Not a directory" in told["payloads"][0]["text"]
    told = found(served, "--payloads", str(served.folder / "bodies"))
    assert told["payloads"][0]["text"] == f"{served.folder / 'bodies'} can be read and written"


@pytest.mark.parametrize(
    ("ahead_s", "level", "words"),
    [
        (0.0, Level.OK, "agree"),
        (-4.9, Level.OK, "agree"),
        (30.0, Level.NOTE, "is 30 s ahead of"),
        (-3600.0, Level.WRONG, "is 3,600 s behind"),
    ],
)
def test_clocks_that_differ(ahead_s, level, words):
    told = skew("clock", "Google's", ahead_s)
    assert (told.level, words in told.text) == (level, True)
