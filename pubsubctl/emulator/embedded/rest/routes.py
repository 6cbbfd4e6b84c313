"""Which HTTP request is which RPC: the ``google.api.http`` annotations of the API (google.aip.dev/127)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from urllib.parse import unquote

ALL = "*"

# RPC, HTTP method, path with the field that part of it is, and the field that the body is ("*": the request itself).
TABLE = (
    ("CreateTopic", "PUT", "/v1/{name=projects/*/topics/*}", ALL),
    ("UpdateTopic", "PATCH", "/v1/{topic.name=projects/*/topics/*}", ALL),
    ("Publish", "POST", "/v1/{topic=projects/*/topics/*}:publish", ALL),
    ("GetTopic", "GET", "/v1/{topic=projects/*/topics/*}", ""),
    ("ListTopics", "GET", "/v1/{project=projects/*}/topics", ""),
    ("ListTopicSubscriptions", "GET", "/v1/{topic=projects/*/topics/*}/subscriptions", ""),
    ("ListTopicSnapshots", "GET", "/v1/{topic=projects/*/topics/*}/snapshots", ""),
    ("DeleteTopic", "DELETE", "/v1/{topic=projects/*/topics/*}", ""),
    ("DetachSubscription", "POST", "/v1/{subscription=projects/*/subscriptions/*}:detach", ""),
    ("CreateSubscription", "PUT", "/v1/{name=projects/*/subscriptions/*}", ALL),
    ("GetSubscription", "GET", "/v1/{subscription=projects/*/subscriptions/*}", ""),
    ("UpdateSubscription", "PATCH", "/v1/{subscription.name=projects/*/subscriptions/*}", ALL),
    ("ListSubscriptions", "GET", "/v1/{project=projects/*}/subscriptions", ""),
    ("DeleteSubscription", "DELETE", "/v1/{subscription=projects/*/subscriptions/*}", ""),
    ("ModifyAckDeadline", "POST", "/v1/{subscription=projects/*/subscriptions/*}:modifyAckDeadline", ALL),
    ("Acknowledge", "POST", "/v1/{subscription=projects/*/subscriptions/*}:acknowledge", ALL),
    ("Pull", "POST", "/v1/{subscription=projects/*/subscriptions/*}:pull", ALL),
    ("ModifyPushConfig", "POST", "/v1/{subscription=projects/*/subscriptions/*}:modifyPushConfig", ALL),
    ("Seek", "POST", "/v1/{subscription=projects/*/subscriptions/*}:seek", ALL),
    ("CreateSnapshot", "PUT", "/v1/{name=projects/*/snapshots/*}", ALL),
    ("GetSnapshot", "GET", "/v1/{snapshot=projects/*/snapshots/*}", ""),
    ("UpdateSnapshot", "PATCH", "/v1/{snapshot.name=projects/*/snapshots/*}", ALL),
    ("ListSnapshots", "GET", "/v1/{project=projects/*}/snapshots", ""),
    ("DeleteSnapshot", "DELETE", "/v1/{snapshot=projects/*/snapshots/*}", ""),
    ("CreateSchema", "POST", "/v1/{parent=projects/*}/schemas", "schema"),
    ("GetSchema", "GET", "/v1/{name=projects/*/schemas/*}", ""),
    ("ListSchemas", "GET", "/v1/{parent=projects/*}/schemas", ""),
    ("ListSchemaRevisions", "GET", "/v1/{name=projects/*/schemas/*}:listRevisions", ""),
    ("CommitSchema", "POST", "/v1/{name=projects/*/schemas/*}:commit", ALL),
    ("RollbackSchema", "POST", "/v1/{name=projects/*/schemas/*}:rollback", ALL),
    ("DeleteSchemaRevision", "DELETE", "/v1/{name=projects/*/schemas/*}:deleteRevision", ""),
    ("DeleteSchema", "DELETE", "/v1/{name=projects/*/schemas/*}", ""),
    ("ValidateSchema", "POST", "/v1/{parent=projects/*}/schemas:validate", ALL),
    ("ValidateMessage", "POST", "/v1/{parent=projects/*}/schemas:validateMessage", ALL),
    *(
        (rpc, method, f"/v1/{{resource=projects/*/{collection}/*}}:{verb}", body)
        for collection in ("topics", "subscriptions", "snapshots", "schemas")
        for rpc, method, verb, body in (
            ("SetIamPolicy", "POST", "setIamPolicy", ALL),
            ("GetIamPolicy", "GET", "getIamPolicy", ""),
            ("TestIamPermissions", "POST", "testIamPermissions", ALL),
        )
    ),
)

_VARIABLE = re.compile(r"\{([a-z_.]+)=([^}]+)\}")
# Where in /v1/projects/P/COLLECTION/ID the names are that somebody chose.
_PROJECT, _ID = 3, 5


@dataclass(frozen=True)
class Route:
    """``rpc`` by name; ``field`` is set to what was found in the path, ``body`` names the field that the body is."""

    rpc: str
    method: str
    uri: str
    body: str

    @cached_property
    def field(self) -> str:
        """The path of the request's field that stands in the URI."""
        return self._variable[1]

    @property
    def shape(self) -> str:
        """The URI with a star for each name in it."""
        return _VARIABLE.sub(r"\2", self.uri)

    def value(self, parts: list[str]) -> str:
        """The value of ``field``, of the decoded parts of a path."""
        return "/".join(parts[2 : 3 + self._variable[2].count("/")])

    @cached_property
    def _variable(self) -> re.Match[str]:
        found = _VARIABLE.search(self.uri)
        assert found, "every route names something"
        return found


@dataclass(frozen=True)
class Found:
    """The route of a request, and what the path says of it."""

    route: Route
    value: str


def find(method: str, path: str) -> Found | None:
    """The route of a request with a percent-encoded ``path``; None if there is none."""
    shape, parts = _taken_apart(path)
    route = _routes().get((method, shape))
    return Found(route, route.value(parts)) if route else None


def methods(path: str) -> list[str]:
    """The HTTP methods that ``path`` takes."""
    shape, _ = _taken_apart(path)
    return sorted(method for method, known in _routes() if known == shape)


def _taken_apart(path: str) -> tuple[str, list[str]]:
    """The shape of a path, and its decoded parts without the verb."""
    parts = [unquote(part) for part in path.split("/")]
    verb = ""
    if len(parts) > _ID:
        parts[_ID], colon, verb = parts[_ID].partition(":")
        verb = colon + verb
    shape = [ALL if place in {_PROJECT, _ID} and part else part for place, part in enumerate(parts)]
    return "/".join(shape) + verb, parts


@cache
def _routes() -> dict[tuple[str, str], Route]:
    routes: Iterable[Route] = (Route(*row) for row in TABLE)
    return {(route.method, route.shape): route for route in routes}
