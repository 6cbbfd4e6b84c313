"""A store of somebody else's: a package that is installed beside ours, and knows of ours no more than the contract."""

import sys

import pytest
from given import added, the_job

from pubsubctl import Client, JobState
from pubsubctl.errors import InvalidSetting
from pubsubctl.store.base import Store
from pubsubctl.store.opening import ENTRY_POINTS, open_store

THEIRS = '''
from pubsubctl.store.sqlitefile import open_store as open_file

def open_store(url, *, clock=None, create=True):
    """A store like any other; what is shown here is how it is found."""
    return open_file(url.removeprefix("toystore://"), clock=clock, create=create)
'''
ENTRIES = f"[{ENTRY_POINTS}]\ntoystore = toystore_of_pubsubctl:open_store\nbroken = toystore_of_pubsubctl:nothing\n"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    site = tmp_path / "site-packages"
    metadata = site / "toystore_of_pubsubctl-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: toystore-of-pubsubctl\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRIES)
    (site / "toystore_of_pubsubctl.py").write_text(THEIRS)
    monkeypatch.syspath_prepend(site)
    yield
    sys.modules.pop("toystore_of_pubsubctl", None)


def test_a_store_is_found_by_its_entry_point(installed, tmp_path):
    with open_store(f"toystore://{tmp_path / 'jobs.db'}", clock=lambda: 7.0) as store:
        assert isinstance(store, Store)
        added(store)
        assert (the_job(store).state, the_job(store).created_at) == (JobState.QUEUED, 7.0)
    with Client(store=f"toystore://{tmp_path / 'jobs.db'}") as client:
        assert client.get("job-1").state is JobState.QUEUED


def test_a_scheme_that_nobody_has_is_refused_naming_theirs_too(installed):
    with pytest.raises(InvalidSetting, match=r"no store is called other://.*postgresql://, sqlite://, toystore://"):
        open_store("other://x")


def test_an_entry_point_that_cannot_be_loaded_is_named(installed):
    with pytest.raises(InvalidSetting, match=r"the store broken:// of toystore-of-pubsubctl cannot be loaded"):
        open_store("broken://x")
