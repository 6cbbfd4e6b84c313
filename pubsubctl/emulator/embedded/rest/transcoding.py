"""From an HTTP request to an RPC's request, and from its response to JSON (google.aip.dev/127)."""

import json
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor

from pubsubctl.emulator.embedded.rest.messages import json_bytes
from pubsubctl.emulator.embedded.rest.routes import ALL, Found
from pubsubctl.emulator.embedded.rest.shape import PAYLOAD, WELL_KNOWN, fit
from pubsubctl.emulator.embedded.status import invalid

# cloud.google.com/apis/docs/system-parameters; each may have a dollar sign before it.
SYSTEM_PARAMETERS = {
    "access_token",
    "alt",
    "bearer_token",
    "callback",
    "fields",
    "key",
    "oauth_token",
    "pp",
    "prettyPrint",
    "quotaUser",
    "uploadType",
    "upload_protocol",
    "userIp",
    "userProject",
    "xgafv",
    ".xgafv",
}
# A publish of 1,000 messages with 100 attributes each has some 100,000; all others wait while they are read.
VALUES = 250_000
_BOOLEANS = {"true": True, "false": False}


def read_request(kind: Any, found: Found, query: list[tuple[str, str]], body: bytes) -> Any:
    """The request that the path, the query parameters and the body make together; the path has the last word.

    Args:
        kind: the class of the request.
        found: the route, and what the path says.
        query: the parameters; those that every Google API has are left out.
        body: JSON; empty is an empty object.

    Raises:
        Refusal: INVALID_ARGUMENT: some of it has no place in the request, or is no JSON.
    """
    content: dict[str, Any] = {}
    for name, value in query:
        if name.removeprefix("$") not in SYSTEM_PARAMETERS:
            _add(content, kind.DESCRIPTOR, name.split("."), value)
    if found.route.body == ALL:
        content |= _object(body)
    elif found.route.body:
        content[found.route.body] = _object(body)
    _check_extent(content)
    fit(kind.DESCRIPTOR, content)
    try:
        request = json_format.ParseDict(content, kind())
    except Exception as error:
        raise invalid(f"{PAYLOAD} {_one_line(error)}") from error
    _set(request, found.route.field, found.value)
    return request


def write_response(response: Any, parameters: dict[str, str]) -> bytes:
    """A message as JSON: enum values as numbers and no line breaks, if the system ``parameters`` say so."""
    alt = parameters.get("$alt", parameters.get("alt", ""))
    pretty = parameters.get("prettyPrint", parameters.get("$prettyPrint", "true")) != "false"
    numbers = "enum-encoding=int" in alt.split(";")
    return json_bytes(json_format.MessageToDict(response, use_integers_for_enums=numbers), pretty=pretty)


def read_json(body: bytes) -> Any:
    """What a body says; empty is None.

    Raises:
        Refusal: INVALID_ARGUMENT: it is no JSON.
    """
    if not body.strip():
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise invalid(f"{PAYLOAD} The body is no JSON: {_one_line(error)}") from error


def _object(body: bytes) -> Any:
    content = read_json(body)
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise invalid(f"{PAYLOAD} The body must be a JSON object, such as {{}}")
    return content


def _check_extent(content: dict[str, Any]) -> None:
    """Refuse what would take long to read only to be refused then."""
    left = VALUES
    waiting: list[Any] = [content]
    while waiting:
        value = waiting.pop()
        inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        left -= len(inside)
        if left < 0:
            raise invalid(f"{PAYLOAD} It has more than {VALUES} values")
        waiting.extend(inside)


def _add(content: dict[str, Any], message: Any, path: list[str], value: str) -> None:
    """Put a query parameter where it belongs."""
    field = _field(message, path[0])
    if field is None or (len(path) > 1) != _is_structure(field):
        raise invalid(
            f'{PAYLOAD} Unknown name "{".".join(path)}": Cannot bind query parameter. '
            f"It is no field of {message.full_name} that a query parameter can be."
        )
    if len(path) > 1:
        _add(content.setdefault(path[0], {}), field.message_type, path[1:], value)
    elif field.is_repeated:
        content.setdefault(path[0], []).append(value)
    elif field.type == FieldDescriptor.TYPE_BOOL:
        content[path[0]] = _BOOLEANS.get(value, value)
    else:
        content[path[0]] = value


def _field(message: Any, name: str) -> Any:
    return message.fields_by_name.get(name) or message.fields_by_camelcase_name.get(name)


def _is_structure(field: Any) -> bool:
    kind = field.message_type
    if kind is None or kind.GetOptions().map_entry:
        return False
    return not kind.full_name.startswith(WELL_KNOWN)


def _set(message: Any, path: str, value: str) -> None:
    *parents, name = path.split(".")
    for parent in parents:
        message = getattr(message, parent)
    setattr(message, name, value)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
