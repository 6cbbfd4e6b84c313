"""The calls of google.firestore.v1 that a store makes: each with a deadline, its errors in our words, its cost counted.

They are made on protobuf's own classes, over a channel of Google's library. Its ``Client`` would do the same through
wrappers that take ten times as long to fill, and keeps from us the time that every answer tells.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import grpc
from google.cloud.firestore_v1.types import firestore as _firestore
from google.cloud.firestore_v1.types import write as _write

from pubsubctl.errors import StoreError
from pubsubctl.store.firestore.clock import ServerClock
from pubsubctl.store.firestore.failures import Conflict, is_conflict, translated
from pubsubctl.store.firestore.query import Query
from pubsubctl.store.firestore.values import decode, decode_fields, seconds_of

CALL_S = 30.0
"""The longest that a call may take; a commit of the largest size takes a few seconds."""
_READ_AT_ONCE = 1000

Write = _write.Write.pb()
ListenRequest = _firestore.ListenRequest.pb()
_SERVICE = "/google.firestore.v1.Firestore/"


class Found(NamedTuple):
    """A document as it was read; ``fields`` and ``version`` are None where there is none."""

    fields: dict[str, Any] | None
    version: Any


class Place(NamedTuple):
    """A database of a project."""

    project: str
    database: str

    @property
    def name(self) -> str:
        """Its full name."""
        return f"projects/{self.project}/databases/{self.database}"

    def __str__(self) -> str:
        return f"firestore://{self.project}/{self.database}"


class Counted:
    """What calls cost: how many there were, and how many documents Firestore bills as read, written and deleted."""

    def __init__(self) -> None:
        self.calls = self.reads = self.writes = self.deletes = 0


class Service:
    """The database, for all threads of this process."""

    def __init__(
        self, place: Place, channel: grpc.Channel, *, is_emulator: bool = False, call_s: float = CALL_S
    ) -> None:
        self.place = place
        self.clock = ServerClock()
        self.counted = Counted()
        self.closed = False
        self._channel = channel
        self.is_emulator = is_emulator
        self._call_s = call_s
        metadata = [("authorization", "Bearer owner")] if is_emulator else []
        routed = f"project_id={place.project}&database_id={place.database}"
        self._metadata = (("google-cloud-resource-prefix", place.name), ("x-goog-request-params", routed), *metadata)
        self._documents = f"{place.name}/documents"
        self._lock = threading.Lock()
        self._commit = self._unary("Commit", _firestore.CommitRequest, _firestore.CommitResponse)
        self._get = self._stream("BatchGetDocuments", _firestore.BatchGetDocumentsRequest)
        self._query = self._stream("RunQuery", _firestore.RunQueryRequest)
        self._aggregate = self._stream("RunAggregationQuery", _firestore.RunAggregationQueryRequest)
        self._listen: Callable[..., Any] = channel.stream_stream(
            f"{_SERVICE}Listen", ListenRequest.SerializeToString, _firestore.ListenResponse.pb().FromString
        )

    def name(self, path: str) -> str:
        """The full name of a document."""
        return f"{self._documents}/{path}"

    def path(self, name: str) -> str:
        """The inverse of ``name``."""
        return name[len(self._documents) + 1 :]

    def commit(self, writes: Sequence[Any]) -> list[Any]:
        """Write all of it or nothing; the documents' versions.

        Raises:
            Conflict: a precondition does not hold.
        """
        with self._calling():
            asked = _firestore.CommitRequest.pb()(database=self.place.name, writes=writes)
            try:
                answer = self._commit(asked)
            except grpc.RpcError as error:
                if is_conflict(error):
                    raise Conflict from error
                raise
        self.clock.heard(seconds_of(answer.commit_time))
        deletes = sum(bool(each.delete) for each in writes)
        self._count(writes=len(writes) - deletes, deletes=deletes)
        return [each.update_time for each in answer.write_results]

    def get(self, paths: Sequence[str], fields: Sequence[str] = ()) -> dict[str, Found]:
        """Documents as they are now, all of one moment; all their fields where none are named."""
        found: dict[str, Found] = {}
        for start in range(0, len(paths), _READ_AT_ONCE):
            asked = _firestore.BatchGetDocumentsRequest.pb()(
                database=self.place.name, documents=[self.name(path) for path in paths[start : start + _READ_AT_ONCE]]
            )
            if fields:
                asked.mask.field_paths.extend(fields)
            with self._calling():
                for answer in self._get(asked):
                    self.clock.heard(seconds_of(answer.read_time))
                    if answer.missing:
                        found[self.path(answer.missing)] = Found(None, None)
                    else:
                        found[self.path(answer.found.name)] = _found(answer.found)
        self._count(reads=len(found))
        return found

    def query(self, query: Query) -> dict[str, Found]:
        """The documents that a query finds, in its order."""
        asked = _firestore.RunQueryRequest.pb()(parent=self._documents, structured_query=query.structured())
        found: dict[str, Found] = {}
        with self._calling():
            for answer in self._query(asked):
                if answer.HasField("document"):
                    found[self.path(answer.document.name)] = _found(answer.document)
        self._count(reads=max(1, len(found)))
        return found

    def count(self, queries: Sequence[Query]) -> list[int]:
        """How many documents each query finds, counted by Firestore; all are asked at once."""
        with self._calling():
            under_way = [self._aggregate(self._counting(query)) for query in queries]
            numbers = [_counted(call) for call in under_way]
        # Billed as one read for a thousand entries of the index.
        self._count(calls=len(queries), reads=sum(max(1, -(-number // 1000)) for number in numbers))
        return numbers

    def listen(self, requests: Iterator[Any]) -> Any:
        """A stream of changes, which lasts until it is cancelled or broken."""
        self._count()
        return self._listen(requests, metadata=self._metadata)

    def listened(self, documents: int) -> None:
        """Documents came by ``listen``."""
        self._count(calls=0, reads=documents)

    def close(self) -> None:
        """Break off whatever is under way."""
        self.closed = True
        self._channel.close()

    def check_open(self) -> None:
        """See that it was not closed.

        Raises:
            StoreError: it was.
        """
        if self.closed:
            raise StoreError(f"the store {self.place} is closed; open it again")

    def _calling(self) -> Any:
        self.check_open()
        return translated(str(self.place))

    def _counting(self, query: Query) -> Any:
        asked = _firestore.RunAggregationQueryRequest.pb()(parent=self._documents)
        asked.structured_aggregation_query.structured_query.CopyFrom(query.structured())
        counting = asked.structured_aggregation_query.aggregations.add()
        counting.alias = "number"
        counting.count.SetInParent()
        return asked

    def _unary(self, method: str, request: Any, response: Any) -> Callable[[Any], Any]:
        call = self._channel.unary_unary(_SERVICE + method, request.pb().SerializeToString, response.pb().FromString)
        return lambda asked: call(asked, timeout=self._call_s, metadata=self._metadata)

    def _stream(self, method: str, request: Any) -> Callable[[Any], Any]:
        response = getattr(_firestore, request.__name__.replace("Request", "Response"))
        call = self._channel.unary_stream(_SERVICE + method, request.pb().SerializeToString, response.pb().FromString)
        return lambda asked: call(asked, timeout=self._call_s, metadata=self._metadata)

    def _count(self, *, calls: int = 1, reads: int = 0, writes: int = 0, deletes: int = 0) -> None:
        with self._lock:
            self.counted.calls += calls
            self.counted.reads += reads
            self.counted.writes += writes
            self.counted.deletes += deletes


def _found(document: Any) -> Found:
    return Found(decode_fields(document.fields), document.update_time)


def _counted(call: Any) -> int:
    (number,) = (decode(answer.result.aggregate_fields["number"]) for answer in call if answer.HasField("result"))
    return int(number)
