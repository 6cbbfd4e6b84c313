"""Messages that were pulled."""

import base64
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pubsubctl.render.figures import plural, size
from pubsubctl.render.output import Format, clean, document, line, note
from pubsubctl.render.resources import many

Received = Mapping[str, Any]
"""As the REST API shows it, with ``ackStatus`` where it was acknowledged at once."""

_WIDTH = 16
_HARMLESS = "\n\t\r\x1b"  # ESC colours many a log line; shown, it is replaced
_LINES_SHOWN = 40
_CHARACTERS_SHOWN = 4000


def show(received: Sequence[Received], form: Format) -> None:
    """Show them on stdout: as JSON with their data in base64, as text a block each."""
    if form is not Format.TEXT:
        many(received, form)
        return
    for number, one in enumerate(received):
        if number:
            line()
        for text in _block(one):
            line(text)
    if not received:
        note("no message came")


def published(answer: Mapping[str, Any], form: Format) -> None:
    """The ``messageIds`` that were given; as text the ids alone."""
    if form is not Format.TEXT:
        document(answer, form)
        return
    for message_id in answer["messageIds"]:
        line(message_id)


def acted(path: str, doing: str, ack_ids: Sequence[str], failed: Mapping[str, str], form: Format) -> None:
    """What was done with deliveries of a subscription, and with which it was not, and why."""
    if form is not Format.TEXT:
        document({"subscriptionId": path, "ackIds": ack_ids, "failed": failed}, form)
        return
    if ack_ids:
        line(f"{plural(len(ack_ids), 'message')} {doing}")
    for ack_id, why in failed.items():
        note(f"not {doing}: {ack_id}: {why}")


def _block(one: Received) -> Iterator[str]:
    message = one["message"]
    yield from _field("message id", [message.get("messageId", "")])
    yield from _field("publish time", [message.get("publishTime", "")])
    yield from _field("ordering key", [message.get("orderingKey", "")])
    yield from _field("attributes", [f"{key}={value}" for key, value in sorted(message.get("attributes", {}).items())])
    yield from _field("attempt", [str(one.get("deliveryAttempt", ""))])
    yield from _field("ack id", [] if "ackStatus" in one else [one.get("ackId", "")])
    yield from _field("ack status", [one.get("ackStatus", "")])
    yield from _data(message.get("data", ""))


def _field(name: str, values: Sequence[str]) -> Iterator[str]:
    """A name with its values below each other; nothing where there are none."""
    for number, value in enumerate(values):
        if value:
            yield f"{name if number == 0 else '':<{_WIDTH}}{value}"


def _data(encoded: str) -> Iterator[str]:
    data = base64.b64decode(encoded)
    text = _text(data)
    if text is None:
        yield from _field("data (base64)", _cut([encoded], len(data)))
    else:
        yield from _field("data", _cut([clean(part) or " " for part in text.split("\n")], len(data)))


def _text(data: bytes) -> str | None:
    """The text that data is, unless it is none."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    plain = all(character in _HARMLESS or unicodedata.category(character) != "Cc" for character in text)
    return text.removesuffix("\n").replace("\r\n", "\n") if plain else None


def _cut(lines: Sequence[str], whole: int) -> Sequence[str]:
    """On a terminal, not more than fits a screen or two."""
    if not sys.stdout.isatty():
        return lines
    shown = [part[:_CHARACTERS_SHOWN] for part in lines[:_LINES_SHOWN]]
    return list(lines) if shown == list(lines) else [*shown, f"... ({size(whole)} in all; --format json has it)"]
