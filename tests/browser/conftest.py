"""Fixtures of the browser's tests: a browser for each module, and for all of them one gateway with all behind it."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from browsing import chromium
from browsing.crowd import multiply
from browsing.past import Past, telling
from browsing.scene import Scene, eventually, served
from playwright.sync_api import Browser, Page

from pubsubctl import Client, JobState, Settings
from pubsubctl.exchange import Request, Response
from pubsubctl.job import Reason

pytest.register_assert_rewrite("visiting")

from visiting import CROWD, TOKEN, Kinds, Visits  # noqa: E402

HERE = Path(__file__).parent
_TOLD = 1000
_FAILED_OF = 50


@pytest.fixture(scope="module")
def browser(lack: Callable[[str, str], NoReturn]) -> Iterator[Browser]:
    if chromium.program() is None:
        lack("chromium", "chromium is not installed")
    with chromium.browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = Scene(tmp_path_factory.mktemp("browser"), "shown_app:app", HERE)
    try:
        made.worker("-p", "1", "-t", "6")
        yield made
    finally:
        made.close()


@pytest.fixture(scope="session")
def client(scene: Scene) -> Client:
    return scene.client


@pytest.fixture(scope="session")
def site(client: Client) -> Iterator[str]:
    """The address of a dashboard that nobody signs in to."""
    with served(client) as address:
        yield address


@pytest.fixture(scope="session")
def locked_site(client: Client) -> Iterator[str]:
    """The same, where people sign in with ``TOKEN``."""
    with served(client, TOKEN) as address:
        yield address


@pytest.fixture(scope="session")
def kinds(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kinds]:
    """A job in each state, a batch, and dead letters."""
    client = scene.client
    release = tmp_path_factory.mktemp("kinds") / "release"
    held = client.submit("GET", f"/until{release}", headers={"Authorization": "Bearer secret"})
    batch = list(client.submit_many([{"method": "POST", "path": f"/ok/{n}", "json": {"n": n}} for n in range(5)]))
    dead = client.submit("GET", "/boom/dead", max_attempts=1)
    retrying = client.submit("GET", "/boom/again", max_attempts=20)
    later = client.submit("GET", "/ok/later", delay=3600)
    cancelled = client.submit("GET", "/ok/never", delay=3600)
    client.store.cancel([cancelled.id])
    wanted = {
        held.id: {JobState.RUNNING},
        batch[-1].id: {JobState.SUCCEEDED},
        dead.id: {JobState.FAILED},
        retrying.id: {JobState.RETRYING},
    }
    for job_id, states in wanted.items():
        eventually(lambda: client.get(job_id).state in states, what=f"{job_id} is {states}")  # noqa: B023 - called at once
    batch_id = client.get(batch[0].id).batch_id
    assert batch_id is not None
    yield Kinds(held.id, batch[-1].id, dead.id, retrying.id, later.id, cancelled.id, batch_id)
    release.touch()
    client.store.cancel([retrying.id])


@pytest.fixture(scope="session")
def crowded_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dashboard whose store has ``CROWD`` jobs; there is no broker."""
    folder = tmp_path_factory.mktemp("crowded")
    settings = Settings.load({}, environ={}, start=folder)
    settings.state.create()
    with telling(settings) as (teller, store):
        teller.tell(store, _pasts(time.time()))
    assert multiply(folder / ".pubsubctl" / "jobs.db", CROWD // _TOLD, apart_s=60) == CROWD
    with Client(settings) as client, served(client) as address:
        yield address


def _pasts(now: float) -> Iterator[Past]:
    request = Request.of("POST", "/predict?model=small", [("content-type", "application/json")], b'{"text": "hello"}')
    response = Response(200, (("Content-Type", "application/json"),), b'{"label": "world"}')
    for number in range(_TOLD):
        at = now - 600 + number // 100 * 50.0
        batch_id = f"batch-{number % 20:02}"
        if number % _FAILED_OF:
            yield Past(f"crowd-{number:04}", request, at, 0.5, 1.0, response, batch_id=batch_id)
        else:
            yield Past(
                f"crowd-{number:04}", request, at, 0.5, 1.0, reason=Reason.EXHAUSTED, error="503", batch_id=batch_id
            )


@pytest.fixture
def visits(browser: Browser) -> Iterator[Visits]:
    """Opens pages, and afterwards sees to it that nothing went on behind them."""
    made = Visits(browser)
    yield made
    made.end()


@pytest.fixture
def page(visits: Visits) -> Page:
    """A page of a browser as most people have it."""
    return visits.open()


@pytest.fixture(scope="session")
def axe(node_libraries: Callable[[Path], Path]) -> str:
    """The source of axe."""
    return (node_libraries(HERE) / "axe-core" / "axe.min.js").read_text()
