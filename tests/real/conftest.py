"""What the tests on published applications share."""

import pytest
from applications import ALL, Published
from comparing import by_message, directly
from whole_path import answers_through_a_worker

from pubsubctl.exchange import Response


@pytest.fixture(scope="session")
def direct(tmp_path_factory):
    """What werkzeug's test client gets from an application, by the case's id."""
    return _once(lambda published: published.answers(directly, tmp_path_factory.mktemp(f"direct-{published.name}")))


@pytest.fixture(scope="session")
def by_messages(tmp_path_factory):
    """What an application answers to the requests that come out of messages, by the case's id."""
    return _once(lambda published: published.answers(by_message, tmp_path_factory.mktemp(f"message-{published.name}")))


@pytest.fixture(scope="session")
def stored(tmp_path_factory):
    """The jobs of an application and their stored responses, by the case's id."""
    return _once(lambda published: answers_through_a_worker(published, tmp_path_factory.mktemp(published.name)))


def pytest_generate_tests(metafunc):
    """A test that takes a case runs once for each case of each application, under its name."""
    if {"published", "case"} <= set(metafunc.fixturenames):
        cases = [pytest.param(app, case, id=f"{app.name}-{case.id}") for app in ALL for case in app.cases]
        metafunc.parametrize(("published", "case"), cases)


def pytest_collection_modifyitems(items):
    """The cases of an application are run together, so one process of several has to take them all."""
    for item in items:
        published = item.callspec.params.get("published") if hasattr(item, "callspec") else None
        if isinstance(published, Published):
            item.add_marker(pytest.mark.xdist_group(f"{item.path.stem}-{published.name}"))


def _once(run):
    """``run``, with its results remembered by application: an error too, or every case would run them all again."""
    known: dict[str, dict[str, Response] | Exception] = {}

    def answers(published: Published):
        if published.name not in known:
            try:
                known[published.name] = run(published)
            except Exception as error:  # noqa: BLE001 - raised below, in each of its tests
                known[published.name] = error
        found = known[published.name]
        if isinstance(found, Exception):
            raise found
        return found

    return answers
