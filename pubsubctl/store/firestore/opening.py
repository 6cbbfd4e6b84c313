"""A Firestore database as the store: which one a URL means, with whose credentials, over which channel."""

import os
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import grpc

from pubsubctl.errors import InvalidSetting
from pubsubctl.store.base import Store
from pubsubctl.store.firestore.failures import translated
from pubsubctl.store.firestore.service import Place, Service
from pubsubctl.store.firestore.store import FirestoreStore

EMULATOR = "FIRESTORE_EMULATOR_HOST"
"""As every client of Google's honours it."""
DEFAULT_DATABASE = "(default)"
_SCOPE = "https://www.googleapis.com/auth/datastore"
_PROJECT = re.compile(r"[a-z0-9][a-z0-9.:-]{2,62}", re.IGNORECASE)
_DATABASE = re.compile(r"\(default\)|[a-z][a-z0-9-]{2,61}[a-z0-9]")
_FORM = "write it as firestore://PROJECT or firestore://PROJECT/DATABASE"
_OPTIONS = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # A service that was away is found again within a second or two, not after gRPC's two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
    # A listener may hear nothing for hours: a connection that has died without a word is noticed by pings.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 10_000),
)
_LOCAL = (("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1))


def open_store(url: str, *, clock: Callable[[], float] | None = None, create: bool = True) -> Store:
    """Open the database that ``url`` names, and make it a store if it is none; see ``store.opening.open_store``.

    Args:
        url: ``firestore://PROJECT/DATABASE``, with ``?credentials_file=`` and ``&impersonate_service_account=`` where
            they are not the application default credentials; ``Settings.store_url`` adds them.
        clock: what tells the time instead of the server.
        create: whether to make it a store.
    """
    place, asked = place_of(url), parse_qs(urlsplit(url).query)
    with translated(str(place)):
        service = _connected(place, asked)
    try:
        return FirestoreStore(service, clock, create=create)
    except BaseException:
        service.close()
        raise


def place_of(url: str) -> Place:
    """The project and database of a URL.

    Raises:
        InvalidSetting: it names none.
    """
    parts = urlsplit(url)
    project, database = parts.netloc, unquote(parts.path.strip("/")) or DEFAULT_DATABASE
    if not _PROJECT.fullmatch(project):
        raise InvalidSetting(f"the store {url!r} names no project; {_FORM}")
    if not _DATABASE.fullmatch(database):
        raise InvalidSetting(f"the store {url!r} names no database, as {database!r} is no name for one; {_FORM}")
    return Place(project, database)


def _connected(place: Place, asked: dict[str, list[str]]) -> Service:
    emulator = os.environ.get(EMULATOR)
    if emulator:
        channel = grpc.insecure_channel(emulator, options=_OPTIONS + _LOCAL)
        return Service(place, channel, is_emulator=True)
    from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport

    from pubsubctl.credentials.asked import Asked
    from pubsubctl.credentials.finding import find

    given: dict[str, Any] = {name: values[-1] for name, values in asked.items()}
    found = find(Asked(given.get("credentials_file"), given.get("impersonate_service_account"), "--store"), _SCOPE)
    found.check()
    channel = FirestoreGrpcTransport.create_channel(
        f"firestore.{found.universe_domain}:443", credentials=found, options=_OPTIONS
    )
    return Service(place, channel)
