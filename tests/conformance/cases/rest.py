"""The REST API: topics and subscriptions over plain HTTP (JSON as protobuf maps it)."""

from typing import Any

from harness.case import SAME, Case
from harness.expected import OneOf
from harness.kit import Kit, mask
from harness.sources import REST, SANE, UNDOCUMENTED

METHODS = f"{REST}/v1"
JSON = "protobuf.dev/programming-guides/json"
ERRORS = "google.rpc.Status in JSON (google.aip.dev/193)"
INVALID = "400 INVALID_ARGUMENT"
NOT_FOUND = "404 NOT_FOUND"


def topic(kit: Kit, id_: str = "rest") -> str:
    """The path of a topic that was made by REST."""
    path = f"/v1/projects/{kit.project}/topics/{id_}"
    kit.web.request("PUT", path, {})
    return path


def subscription(kit: Kit, **fields: Any) -> tuple[str, str]:
    """The paths of a topic and a subscription that were made by REST."""
    path = f"/v1/projects/{kit.project}/subscriptions/rest"
    made = topic(kit)
    kit.web.request("PUT", path, {"topic": made.removeprefix("/v1/"), **fields})
    return made, path


def _of_project(
    id_: str, what: str, method: str, path: str, body: Any, documented: object, source: str, google: object = SAME
) -> Case:
    """A request without anything made before: the HTTP status, and the status in the body."""

    def run(kit: Kit) -> Any:
        return kit.web.request(method, path.format(project=f"/v1/projects/{kit.project}"), body).outcome

    return Case(id_, what, run, documented, source, google=google)


def _create(kit: Kit) -> Any:
    path = f"/v1/projects/{kit.project}/topics/rest"
    response = kit.web.request("PUT", path, {"labels": {"a": "b"}})
    return response.status, response.json["labels"], response.json["name"] == path.removeprefix("/v1/")


def _content_type(kit: Kit) -> str:
    return kit.web.request("GET", topic(kit)).headers["content-type"].split(";")[0]


def _duplicate(kit: Kit) -> Any:
    return kit.web.request("PUT", topic(kit), {}).outcome


def _error_body(kit: Kit) -> Any:
    error = kit.web.request("GET", f"/v1/projects/{kit.project}/topics/none").json["error"]
    return error["code"], error["status"], bool(error["message"])


def _by_both(kit: Kit) -> str:
    """Made by REST, described by gRPC."""
    made = topic(kit)
    return kit.call("GetTopic", topic=made.removeprefix("/v1/")).name.rsplit("/", 1)[1]


def _paged(kit: Kit) -> list[str]:
    for id_ in ("one", "two", "three"):
        topic(kit, id_)
    first = kit.web.request("GET", f"/v1/projects/{kit.project}/topics?pageSize=2").json
    rest = kit.web.request("GET", f"/v1/projects/{kit.project}/topics?pageToken={first['nextPageToken']}").json
    return [one["name"].rsplit("/", 1)[1] for one in first["topics"] + rest["topics"]]


def _empty_list(kit: Kit) -> Any:
    return kit.web.request("GET", f"/v1/projects/{kit.project}/topics").json


def _defaults(kit: Kit) -> Any:
    got = kit.web.request("GET", subscription(kit)[1]).json
    return got["ackDeadlineSeconds"], got["messageRetentionDuration"]


def _durations(kit: Kit) -> Any:
    policy = {"minimumBackoff": "1.5s", "maximumBackoff": "60s"}
    _, path = subscription(kit, messageRetentionDuration="600s", retryPolicy=policy)
    got = kit.web.request("GET", path).json
    return got["messageRetentionDuration"], got["retryPolicy"]["minimumBackoff"], got["retryPolicy"]["maximumBackoff"]


def _bad_duration(kit: Kit) -> Any:
    body = {"topic": topic(kit).removeprefix("/v1/"), "messageRetentionDuration": 600}
    return kit.web.request("PUT", f"/v1/projects/{kit.project}/subscriptions/rest", body).outcome


def _number_as_text(kit: Kit) -> int:
    _, path = subscription(kit, ackDeadlineSeconds="20")
    return kit.web.request("GET", path).json["ackDeadlineSeconds"]


def _snake_case(kit: Kit) -> int:
    _, path = subscription(kit, ack_deadline_seconds=20)
    return kit.web.request("GET", path).json["ackDeadlineSeconds"]


def _unknown_field(kit: Kit) -> Any:
    return kit.web.request("PUT", f"/v1/projects/{kit.project}/topics/rest", {"nope": 1}).outcome


def _patched(id_: str, what: str, body: dict[str, Any], query: str = "") -> Case:
    """The subscription's ack deadline after a PATCH."""

    def run(kit: Kit) -> int:
        _, path = subscription(kit)
        named = {"subscription": {"name": path.removeprefix("/v1/"), "ackDeadlineSeconds": 33}}
        kit.web.request("PATCH", path + query, {**named, **body})
        return kit.web.request("GET", path).json["ackDeadlineSeconds"]

    return Case(f"patch-{id_}", f"PATCH of a subscription, {what}: its ack deadline", run, 33, METHODS)


def _patched_topic(kit: Kit) -> Any:
    path = topic(kit)
    body = {"topic": {"name": path.removeprefix("/v1/"), "messageRetentionDuration": "600s"}}
    kit.web.request("PATCH", path, {**body, "updateMask": "messageRetentionDuration"})
    return kit.web.request("GET", path).json["messageRetentionDuration"]


def _patch_without_mask(kit: Kit) -> Any:
    _, path = subscription(kit)
    named = {"subscription": {"name": path.removeprefix("/v1/"), "ackDeadlineSeconds": 33}}
    return kit.web.request("PATCH", path, named).outcome


def _of_topic(kit: Kit) -> Any:
    made, path = subscription(kit)
    return kit.web.request("GET", f"{made}/subscriptions").json["subscriptions"] == [path.removeprefix("/v1/")]


def _deleted(kit: Kit) -> Any:
    path = topic(kit)
    response = kit.web.request("DELETE", path)
    return response.status, response.json, kit.web.request("GET", path).status


def _grpc_mask(kit: Kit) -> str:
    """gRPC names what REST was given in camel case."""
    _, path = subscription(kit)
    name = path.removeprefix("/v1/")
    return kit.ok("UpdateSubscription", subscription={"name": name}, update_mask=mask("ack_deadline_seconds"))


def _plain(path: str) -> Any:
    def run(kit: Kit) -> Any:
        response = kit.web.request("GET", path)
        return response.status, response.text.strip()

    return run


CASES = [
    Case("root", "GET /", _plain("/"), (200, "Ok"), UNDOCUMENTED),
    Case(
        "create",
        "PUT of a topic: status, labels, and is the name as it should be?",
        _create,
        (200, {"a": "b"}, True),
        METHODS,
    ),
    Case("content-type", "The content type of a response", _content_type, "application/json", METHODS),
    Case("duplicate", "PUT of a topic that is there", _duplicate, "409 ALREADY_EXISTS", ERRORS),
    Case(
        "error",
        "The body of an error: code, status, and is there a message?",
        _error_body,
        (404, "NOT_FOUND", True),
        ERRORS,
    ),
    Case("both", "A topic made by REST, described by gRPC", _by_both, "rest", METHODS),
    _of_project(
        "bad-id", "PUT of a topic with an id of 2 characters", "PUT", "{project}/topics/ab", {}, INVALID, ERRORS
    ),
    _of_project("no-body", "PUT of a topic without a body", "PUT", "{project}/topics/rest", None, "200", UNDOCUMENTED),
    _of_project(
        "bad-json", "PUT of a topic with a body that is no JSON", "PUT", "{project}/topics/rest", b"{", INVALID, SANE
    ),
    _of_project("array", "PUT of a topic with a JSON array", "PUT", "{project}/topics/rest", [1], INVALID, SANE),
    _of_project(
        "bad-type",
        "PUT of a topic with a label that is a number",
        "PUT",
        "{project}/topics/rest",
        {"labels": {"a": 1}},
        INVALID,
        JSON,
        "200",
    ),
    Case("unknown-field", "PUT of a topic with an unknown field", _unknown_field, INVALID, JSON),
    _of_project(
        "missing-topic", "GET of a topic that does not exist", "GET", "{project}/topics/none", None, NOT_FOUND, ERRORS
    ),
    _of_project(
        "missing-of-subscription",
        "PUT of a subscription to a topic that does not exist",
        "PUT",
        "{project}/subscriptions/rest",
        {"topic": "projects/p/topics/none"},
        NOT_FOUND,
        ERRORS,
    ),
    Case(
        "unknown-path",
        "GET of a path that is none: the status",
        lambda kit: kit.web.request("GET", "/nope").status,
        404,
        SANE,
    ),
    Case("unknown-version", "GET /v1: the status", lambda kit: kit.web.request("GET", "/v1").status, 404, SANE),
    Case(
        "unknown-verb",
        "POST :nope on a subscription: the status",
        lambda kit: kit.web.request("POST", f"{subscription(kit)[1]}:nope", {}).status,
        404,
        SANE,
    ),
    Case(
        "wrong-method",
        "POST on the topics of a project: the status",
        lambda kit: kit.web.request("POST", f"/v1/projects/{kit.project}/topics", {}).status,
        OneOf(404, 405),
        SANE,
    ),
    Case(
        "options",
        "OPTIONS: the status",
        lambda kit: kit.web.request("OPTIONS", f"/v1/projects/{kit.project}/topics").status,
        200,
        UNDOCUMENTED,
    ),
    Case(
        "parameters",
        "GET with alt=json and prettyPrint=false",
        lambda kit: kit.web.request("GET", topic(kit) + "?alt=json&prettyPrint=false").outcome,
        "200",
        "cloud.google.com/apis/docs/system-parameters",
    ),
    Case("paged", "GET of three topics in pages of 2", _paged, ["one", "three", "two"], METHODS),
    Case("empty-list", "GET of the topics of a project that has none", _empty_list, {}, JSON),
    Case("of-topic", "GET of a topic's subscriptions: is it the one?", _of_topic, documented=True, source=METHODS),
    Case("defaults", "Ack deadline and retention of a new subscription", _defaults, (10, "604800s"), JSON),
    Case("durations", "Durations as they come back", _durations, ("600s", "1.500s", "60s"), JSON),
    Case("bad-duration", "PUT of a subscription with a duration that is a number", _bad_duration, INVALID, JSON),
    Case("number-as-text", 'An ack deadline of "20"', _number_as_text, 20, JSON),
    Case("snake-case", "An ack deadline under ack_deadline_seconds", _snake_case, 20, JSON),
    _patched("camel", "the mask in camel case", {"updateMask": "ackDeadlineSeconds"}),
    _patched("snake", "the mask in snake case", {"updateMask": "ack_deadline_seconds"}),
    Case("patch-topic", "PATCH of a topic: its retention", _patched_topic, "600s", METHODS),
    Case("patch-without-mask", "PATCH of a subscription without a mask", _patch_without_mask, INVALID, ERRORS),
    Case("mask-by-grpc", "UpdateSubscription by gRPC of a subscription made by REST", _grpc_mask, "OK", METHODS),
    Case("deleted", "DELETE of a topic: status, body, and the status of a GET then", _deleted, (200, {}, 404), METHODS),
]
