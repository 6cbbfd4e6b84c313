"""What ``topics publish`` is to send."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pubsubctl.cli.lists import pairs, utf8
from pubsubctl.cli.readers import parsed
from pubsubctl.errors import UsageError
from pubsubctl.render.stdin import standard_input

if TYPE_CHECKING:
    from pubsubctl.broker.publish import Outgoing

_STDIN = "-"


def outgoing(text: str | None, file: str | None, attributes: Sequence[str], ordering_key: str) -> "Outgoing":
    """The message that the options say.

    Raises:
        UsageError: they say none, or contradict each other, or the file cannot be read.
    """
    from pubsubctl.broker.publish import Outgoing

    if text is not None and file is not None:
        raise UsageError("--message and --message-file cannot stand together: each says what the data is")
    named = parsed("attribute", list(attributes), pairs)
    data = _read(file) if file is not None else os.fsencode(text or "")  # the bytes that were typed
    if not data and not named:
        raise UsageError("there is nothing to publish; give --message, --message-file or --attribute")
    return Outgoing(data, named, parsed("ordering_key", ordering_key, utf8))


def _read(file: str) -> bytes:
    try:
        return standard_input().read() if file == _STDIN else Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"--message-file: cannot read {file}: {error.strerror}") from error
