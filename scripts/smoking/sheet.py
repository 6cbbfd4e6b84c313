"""The table, as Markdown to paste into an issue: nothing in it tells whose project it was."""

import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

import pubsubctl
from smoking.checking import Result, Row

_ADDRESS = re.compile(r"[A-Za-z0-9_.+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_NUMBER = re.compile(r"\d{10,}")
_OF_THE_SERVICE = frozenset({5, 6, 7, 8, 9})
"""The rows of which an emulator says nothing but that it does as it should."""


def scrubbed(text: str, secrets: Sequence[tuple[str, str]]) -> str:
    """The text with each of these in other words, every e-mail address and long number too; on one line.

    Args:
        text: what was seen.
        secrets: what must not be shown, and what stands in its place.
    """
    for secret, instead in sorted(secrets, key=lambda pair: -len(pair[0])):
        text = re.sub(rf"(?<![A-Za-z0-9-]){re.escape(secret)}(?![A-Za-z0-9-])", instead, text)
    return " ".join(_NUMBER.sub("NUMBER", _ADDRESS.sub("ACCOUNT", text)).split())


def sheet(rows: Sequence[Row], *, endpoint: str, emulator: bool, took_s: float) -> str:
    """The header and the table.

    Args:
        rows: scrubbed.
        endpoint: where the service is.
        emulator: whether that is only an emulator.
        took_s: how long all took, in seconds.
    """
    ok = sum(row.result is Result.OK for row in rows)
    where = "an emulator" if emulator else "Google Cloud Pub/Sub"
    versions = (
        f"pubsubctl {pubsubctl.__version__}, Python {platform.python_version()}, "
        f"google-cloud-pubsub {version('google-cloud-pubsub')}, grpcio {version('grpcio')}"
    )
    place = f"{endpoint}{' (emulator)' if emulator else ''}, project PROJECT"
    return "\n".join(
        [
            f"## pubsubctl on {where}: {ok} of {len(rows)} ok",
            "",
            f"{versions}; {place}; {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {took_s:.0f} s",
            "",
            "| | check | result | seconds | what was seen |",
            "| --: | --- | --- | --: | --- |",
            *(_line(row, emulator=emulator) for row in rows),
        ]
    )


def _line(row: Row, *, emulator: bool) -> str:
    mark = " (emulator)" if emulator and row.number in _OF_THE_SERVICE else ""
    seen = row.seen.replace("|", "\\|")
    return f"| {row.number} | {row.check}{mark} | {row.result} | {row.seconds:.1f} | {seen} |"
