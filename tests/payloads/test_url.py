"""URLs as the place: what is not installed, who may use it, and a store of objects that goes away."""

import subprocess
import sys

import gcs
import pytest
from postgres_server import free_port
from test_places import KEY, put, read

from pubsubctl.credentials.asked import Asked
from pubsubctl.errors import InvalidSetting, PayloadsUnreachable
from pubsubctl.payloads.opening import open_place

# aiohttp's own, about what gcsfs gives it; it says that once a process.
pytestmark = pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")


def test_what_is_not_installed_is_named_with_its_extra():
    code = (
        "import sys\nsys.modules['gcsfs'] = None\nfrom pubsubctl.payloads.opening import open_place\n"
        "from pubsubctl.errors import InvalidSetting\n"
        "try:\n    open_place('gs://bucket/x')\nexcept InvalidSetting as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True, text=True)
    assert "pip install 'pubsubctl[gcs]'" in done.stdout
    assert done.stdout.count("\n") == 1


def test_a_scheme_that_nobody_knows_is_refused():
    with pytest.raises(InvalidSetting, match="nonsense"):
        open_place("nonsense://x/y")


def test_credentials_that_cannot_be_read_are_named(monkeypatch, tmp_path):
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    with pytest.raises(
        InvalidSetting,
        match=r"credentials_file '.*/key\.json' \(from --credentials-file\) cannot be used: it cannot be read",
    ):
        open_place("gs://bucket/x", credentials=Asked(str(tmp_path / "key.json"), source="--credentials-file"))


def test_the_place_is_shown_without_what_lets_one_in():
    assert open_place("memory://user:secret@host/x").place == "memory://host/x"


@pytest.mark.timeout(240)  # gcsfs tries again for half a minute, each time
def test_a_store_of_objects_that_goes_away_is_unreachable_and_no_body_of_it_missing(tmp_path, monkeypatch, lack):
    if gcs.MISSING:
        lack("gcp-storage-emulator", gcs.MISSING)
    port = free_port()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
    with gcs.served(tmp_path, port):
        place = open_place(f"gs://{gcs.BUCKET}/x")
        payload = put(place)
    with pytest.raises(PayloadsUnreachable, match=f"the payload place gs://{gcs.BUCKET}/x cannot be read: "):
        place.open(payload)
    with pytest.raises(PayloadsUnreachable, match="cannot be written: "):
        put(place, KEY + "2")
    with gcs.served(tmp_path, port):
        place.check()
        assert read(place, payload) == b"content"
        assert place.names("") == [KEY.partition("/")[0]], "a look whether it can be written leaves nothing"


def test_a_bucket_that_there_is_not_is_told(gcs_address, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs_address)
    place = open_place("gs://nobodys-bucket/x")
    with pytest.raises(PayloadsUnreachable):
        put(place)


def test_large_bodies_need_no_memory_of_their_size(gcs_address, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs_address)
    code = (
        "import resource, sys\nfrom pubsubctl.payloads.opening import open_place\n"
        "place = open_place(sys.argv[1])\n"
        "with place.create('s/00/small/1') as writing:\n"
        "    writing.write(b'x')\n    place.open(writing.commit()).close()\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "piece = bytes(1 << 20)\n"
        "with place.create('s/00/j/1') as writing:\n"
        "    for _ in range(120): writing.write(piece)\n"
        "    payload = writing.commit()\n"
        "with place.open(payload) as file:\n"
        "    while file.read(1 << 20): pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    command = [sys.executable, "-c", code, f"gs://{gcs.BUCKET}/memory"]
    done = subprocess.run(command, capture_output=True, timeout=100, check=True, text=True)
    assert int(done.stdout) < 80 << 10, "KiB"
