"""All of it, room by room: what is wrong in one keeps nobody from looking into the next."""

import re
from collections.abc import Callable, Iterator

from pubsubctl.broker.connection import Connection
from pubsubctl.doctor import asking, host, keeping, resources
from pubsubctl.doctor.finding import Finding, wrong
from pubsubctl.errors import PubsubctlError
from pubsubctl.settings import Settings
from pubsubctl.store.opening import open_store

_RUN = re.compile(r"run `([^`]+)`")
_TOKENS = "oauth2"
"""The host of the universe that everybody is to reach, whatever the broker."""


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything, one finding after the other."""
    yield from host.versions()
    yield from host.settings_in_force(settings)
    yield from host.key_file(settings)
    yield from _tried("broker", lambda: _broker(settings))
    yield from _tried("store", lambda: _store(settings))


def _broker(settings: Settings) -> Iterator[Finding]:
    if settings.broker == "cloud":
        yield from asking.cloud_clock(f"{_TOKENS}.{settings.universe_domain}")
    with Connection(settings) as connection:
        yield from asking.broker(connection, settings)
        yield from _tried("topic", lambda: resources.resources(connection, settings))
        if not resources.are_there(connection, settings):  # asked again: what was missing may have been made by now
            return  # what is not there has no policy
        if connection.address.is_cloud:
            yield from _tried("permission", lambda: resources.permissions(connection, settings))
            yield from _tried("service agent", lambda: resources.service_agent(connection, settings))
        yield from _tried("dead letters", lambda: resources.lost_dead_letters(connection, settings))


def _store(settings: Settings) -> Iterator[Finding]:
    with open_store(settings.store_url, create=False) as store:
        yield from keeping.store(store, settings)
        yield from _tried("payloads", lambda: keeping.payloads(settings, store.store_id))
        yield from keeping.work(store)


def _tried(place: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from look()
    except PubsubctlError as error:
        text, _, remedy = str(error).partition("; ")
        command = _RUN.fullmatch(remedy)
        yield wrong(place, text, command[1] if command else remedy or None)
