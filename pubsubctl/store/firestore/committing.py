"""A view's changes become one commit, with a precondition for each document; large bodies go ahead of it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pubsubctl.job import FINISHED
from pubsubctl.store import rows
from pubsubctl.store.firestore import bodies
from pubsubctl.store.firestore.cache import Cache
from pubsubctl.store.firestore.failures import Conflict, translated
from pubsubctl.store.firestore.layout import BODY_FIELDS, CHANGED, EVENTS, EXPIRY, JOBS, WORKERS
from pubsubctl.store.firestore.service import Found, Service, Write
from pubsubctl.store.firestore.values import Fields, encode, encode_fields, size_of
from pubsubctl.store.firestore.view import Change, View, without_bodies

COMMIT_BYTES = 3_500_000
"""What a commit may hold before its bodies are set apart: Firestore takes 10 MiB, its emulator 4."""

_NOW = 1  # the server value REQUEST_TIME


def commit(view: View, cache: Cache) -> None:
    """Write what was done in a view, all of it or nothing.

    Raises:
        Conflict: a document has changed since it was read; nothing is done.
    """
    service, changes, erased = view.service, view.changes(), view.erased
    if not changes and not erased:
        return
    changes, ahead = _with_bodies_apart(changes, str(service.place))
    for part in _commits(ahead):
        service.commit([_new_part(service, *each) for each in part])
    with translated(str(service.place)):
        writes = [_write(service, each) for each in changes]
        writes += [Write(delete=service.name(path)) for path in erased]
        writes += [_dated(service, path, when) for each in changes for path, when in _redated_parts(each)]
    try:
        versions = service.commit(writes)
    except Conflict:
        cache.forget(each.path for each in changes)
        _take_back(service, ahead)
        raise
    except BaseException:
        cache.forget(each.path for each in changes)
        raise
    for change, version in zip(changes, versions, strict=False):
        _written(view, cache, change, version)


def _written(view: View, cache: Cache, change: Change, version: Any) -> None:
    if change.appended is not None:  # maybe to what another has appended
        cache.forget([change.path])
        return
    fields = without_bodies(change.fields) if change.fields is not None else None
    found = Found(fields, version if fields is not None else None)
    view.found(change.path, found)
    of_use = fields is not None and (
        change.path.startswith(WORKERS)
        or (change.path.startswith(JOBS) and rows.STATES[fields["state"]] not in FINISHED)
    )
    cache.keep(change.path, found if of_use else None)


def _with_bodies_apart(changes: Sequence[Change], where: str) -> tuple[list[Change], dict[str, Fields]]:
    """Changes with the documents that are to be written before them, by their paths."""
    ahead: dict[str, Fields] = {}
    small = list(changes)
    total = sum(size_of(each.fields, each.names) + 200 for each in changes if each.fields is not None)
    for size, at, kind in _inline(changes):
        if size <= bodies.INLINE_BYTES and total <= COMMIT_BYTES:
            break
        fields = dict(small[at].fields or {})
        fields[kind], documents = bodies.set_apart(fields[kind], where)
        fields["parts"] = {**(fields.get("parts") or {}), kind: fields[kind]["parts"]}
        small[at] = Change(small[at].path, small[at].found, fields)
        ahead |= {path: {**part, EXPIRY: fields.get(EXPIRY)} for path, part in documents.items()}
        total -= size
    return small, ahead


def _inline(changes: Sequence[Change]) -> list[tuple[int, int, str]]:
    """The new bodies, the largest first: their sizes, of which change, and which of the two."""
    found = [
        (len(held["data"]), at, kind)
        for at, change in enumerate(changes)
        for kind in BODY_FIELDS
        if (held := (change.fields or {}).get(kind)) and held.get("data")
    ]
    return sorted(found, reverse=True)


def _commits(ahead: dict[str, Fields]) -> Iterator[list[tuple[str, Fields]]]:
    """As many documents at a time as a commit holds."""
    part: list[tuple[str, Fields]] = []
    size = 0
    for path, fields in ahead.items():
        if part and size + len(fields["data"]) > COMMIT_BYTES:
            yield part
            part, size = [], 0
        part.append((path, fields))
        size += len(fields["data"])
    if part:
        yield part


def _take_back(service: Service, ahead: Iterable[str]) -> None:
    gone = [Write(delete=service.name(path)) for path in ahead]
    if gone:
        service.commit(gone)


def _new_part(service: Service, path: str, fields: Fields) -> Any:
    write = Write()
    write.update.name = service.name(path)
    encode_fields(fields, write.update.fields)
    return write


def _redated_parts(change: Change) -> Iterator[tuple[str, Any]]:
    """Documents of large bodies that go with their job, when that may go at another time than before."""
    old, new = change.found.fields or {}, change.fields or {}
    if old.get(EXPIRY) != new.get(EXPIRY):
        kept = old.get("parts") or {}
        named = [each for kind, each in kept.items() if (new.get("parts") or {}).get(kind) == each]
        yield from ((path, new.get(EXPIRY)) for each in named for path in bodies.part_paths(each))


def _dated(service: Service, path: str, when: Any) -> Any:
    write = Write()
    write.update.name = service.name(path)
    write.update_mask.field_paths.append(EXPIRY)
    encode_fields({EXPIRY: when}, write.update.fields)
    return write


def _write(service: Service, change: Change) -> Any:
    if change.appended is not None:
        return _append(service, change.path, change.appended)
    write = Write()
    if change.found.version is None:
        write.current_document.exists = False
    else:
        write.current_document.update_time.CopyFrom(change.found.version)
    if change.fields is None:
        write.delete = service.name(change.path)
        return write
    write.update.name = service.name(change.path)
    if change.found.version is None:
        encode_fields(change.fields, write.update.fields)
    else:
        names = change.names
        write.update_mask.field_paths.extend(names)
        encode_fields({name: change.fields.get(name) for name in names}, write.update.fields)
    if change.path.startswith(JOBS):
        _mark_changed(write.update_transforms.add())
    return write


def _append(service: Service, path: str, events: Sequence[Fields]) -> Any:
    write = Write()
    write.current_document.exists = True
    write.transform.document = service.name(path)
    appended = write.transform.field_transforms.add()
    appended.field_path = EVENTS
    for event in events:
        encode(event, appended.append_missing_elements.values.add())
    _mark_changed(write.transform.field_transforms.add())
    return write


def _mark_changed(transform: Any) -> None:
    transform.field_path = CHANGED
    transform.set_to_server_value = _NOW
