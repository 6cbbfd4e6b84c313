"""Whose database it is: a store of ours is recognised, an empty one becomes one, made by one of many at once."""

import secrets

from pubsubctl.errors import StoreError, StoreUnreachable
from pubsubctl.store.firestore.failures import Conflict
from pubsubctl.store.firestore.layout import IDENTITY, SCHEMA_VERSION
from pubsubctl.store.firestore.service import Service, Write
from pubsubctl.store.firestore.values import Fields, encode_fields


def identify(service: Service, *, create: bool) -> str:
    """The store_id.

    Raises:
        StoreUnreachable: there is no store, and it is not to be made.
        StoreError: it is of a newer version.
    """
    found = _read(service)
    if found is None and not create:
        raise StoreUnreachable(
            f"there is no store {service.place}; `pubsubctl setup` makes it, or name another --store"
        )
    if found is None:
        found = _make(service)
    if found["schema"] > SCHEMA_VERSION:
        raise StoreError(
            f"the store {service.place} is of version {found['schema']}, this pubsubctl knows up to {SCHEMA_VERSION}; "
            "upgrade it"
        )
    store_id: str = found["store_id"]
    return store_id


def _read(service: Service) -> Fields | None:
    return service.get([IDENTITY])[IDENTITY].fields


def _make(service: Service) -> Fields:
    made = {"application": "pubsubctl", "schema": SCHEMA_VERSION, "store_id": secrets.token_hex(8)}
    write = Write()
    write.update.name = service.name(IDENTITY)
    write.current_document.exists = False
    encode_fields(made, write.update.fields)
    try:
        service.commit([write])
    except Conflict:  # somebody else was first
        return _read(service) or made
    return made
