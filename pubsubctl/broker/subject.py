"""What a call is about, so that its errors can say so; and what may have been meant where that does not exist."""

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

from pubsubctl.broker.connection import Connection
from pubsubctl.broker.listing import LISTS
from pubsubctl.broker.refusals import translated
from pubsubctl.errors import PubsubctlError, ResourceNotFound
from pubsubctl.names import short

_LOOKED_AT = 1000


@contextmanager
def about(connection: Connection, path: str, *mentions: str, new: bool = False) -> Iterator[None]:
    """Calls about one resource: what they raise is ours, and names it.

    Args:
        connection: the broker.
        path: the resource.
        mentions: others that it refers to. Where something is missing, they are looked for: it may be a slip of the
            pen.
        new: whether it need not exist itself.

    Raises:
        BrokerUnreachable: no answer.
        ResourceNotFound: it does not exist, or what it refers to does not.
        BrokerError: the broker refused.
    """
    try:
        with translated(connection, _described(path)):
            yield
    except ResourceNotFound as error:
        for mention in mentions if new else (path, *mentions):
            hint = _hint(connection, mention)
            if hint is not None:
                which = "" if mention == path else f"; there is no {_described(mention)}"
                raise ResourceNotFound(f"{error}{which}{hint}") from error
        raise


def _described(path: str) -> str:
    """``topic projects/my-project/topics/my-topic``."""
    return f"{path.split('/')[2].removesuffix('s')} {path}"


def _hint(connection: Connection, path: str) -> str | None:
    """What may be meant by the name of something that is missing; None where it exists, or nobody can tell."""
    _, project, collection, name = path.split("/")
    if collection not in LISTS:
        return None
    try:
        found = list(islice(LISTS[collection](connection, f"projects/{project}"), _LOOKED_AT))
    except PubsubctlError:
        return None
    names = {one["name"] for one in found}
    if path in names or len(found) == _LOOKED_AT:
        return None
    near = difflib.get_close_matches(name, map(short, names), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
