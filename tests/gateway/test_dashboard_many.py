"""A store with a hundred thousand jobs makes no page slow."""

import html
import re
import time

import pytest
from dashboard_jobs import WORKER, a_client, many
from dashboard_site import Site

from pubsubctl.store.paging import cursor_after

COUNT = 100_000
AT_MOST_S = 2.0
"""Of a page: ten times what a slow machine needs. A page that reads all jobs takes longer."""

PAGES = [
    "/",
    "/jobs",
    "/jobs?state=queued",
    "/jobs?state=running",
    "/jobs?path=/x/5000*",
    "/jobs?path=/nothing*",
    "/jobs?batch=batch-3",
    f"/jobs?worker={WORKER}",
    "/jobs?worker=nobody",
    "/jobs?within=5m",
    "/jobs?older=15m",
    "/jobs/many-0050000",
    "/batches",
    "/letters",
    "/letters?reason=exhausted&path=/x/5000*",
    "/letters/confirm?do=purge&all=1",
    "/find?id=many-0050000",
]


pytestmark = pytest.mark.xdist_group("dashboard of many")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with a_client(tmp_path_factory.mktemp("many")) as client:
        many(client, COUNT)
        site = Site(client)
        yield site
        site.close()


@pytest.mark.parametrize("page", PAGES)
def test_no_page_is_slow(site, page):
    site.get("/_dashboard/login")
    began = time.process_time()
    answer = site.get(f"/_dashboard{page}")
    took_s = time.process_time() - began
    assert answer.status in {200, 303}
    assert len(answer.body) < 200_000
    assert took_s < AT_MOST_S


def test_the_counts_are_right(site):
    text = site.get("/_dashboard/").text
    assert '<span class="number">70,001</span> <span class="badge succeeded">' in text
    assert '<span class="number">1,000+</span> <span class="name">dead letters' in text


def test_a_page_far_back_is_as_quick_as_the_first(site):
    cursor = cursor_after(site.client.get("many-0089999"))
    began = time.process_time()
    text = site.get("/_dashboard/jobs", cursor=cursor).text
    assert time.process_time() - began < AT_MOST_S
    assert 'data-key="many-0090000"' in text
    following = html.unescape(re.search(r'rel="next" href="([^"]+)"', text)[1])
    assert 'data-key="many-0090050"' in site.get(following).text
