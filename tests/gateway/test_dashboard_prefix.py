"""Where the dashboard ends and the gateway begins."""

import pytest

from pubsubctl.gateway.terms import Terms

TOKEN = "a-token-that-nobody-guesses"


@pytest.mark.parametrize(
    "path", ["/_dashboard//x", "/_dashboard///", "//_dashboard/x", "/_dashboard/%2fx", "/_dashboardx"]
)
def test_nothing_that_only_looks_like_the_dashboards_becomes_a_job_without_a_token(surroundings, path):
    before = sum(surroundings.client.store.counts().values())
    with surroundings.gateway(Terms(token=TOKEN, dashboard=True)) as ask:
        assert ask("POST", path, b"{}").status in {303, 401, 404}
    assert sum(surroundings.client.store.counts().values()) == before
