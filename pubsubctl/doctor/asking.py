"""The broker: where it is, who asks, and whether it answers; and what time it is there."""

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from pubsubctl.broker.connection import Connection
from pubsubctl.broker.listing import topics
from pubsubctl.doctor.finding import Finding, note, ok, wrong
from pubsubctl.errors import AccessDenied, PubsubctlError
from pubsubctl.settings import Settings

_SKEW_S = 5.0
"""What nobody notices. Google takes no token that was signed minutes ahead or behind."""
_LONGEST_SKEW_S = 60.0
_ANSWER_S = 5.0
_SET_CLOCK = "timedatectl set-ntp true"


def broker(connection: Connection, settings: Settings) -> Iterator[Finding]:
    """Whether it answers, and who asks.

    Raises:
        BrokerUnreachable: it does not answer.
        BrokerError: it does not take the credentials.
    """
    failure: PubsubctlError | None = None
    try:
        connection.check()
        next(iter(topics(connection, f"projects/{settings.project}", page_size=1)), None)
    except AccessDenied as error:  # whoever only submits, or works, need not list topics
        failure = None if error.is_of_one_call else error
    except PubsubctlError as error:
        failure = error
    identity = connection.identity
    if identity is not None:
        via = f", for whom {identity.via} acts" if identity.via else ""
        yield ok("identity", f"{identity.principal or 'a user'}{via}: {identity.kind}, from {identity.source}")
    if failure is not None:
        raise failure
    yield ok("broker", f"{connection.address.kind} at {connection.place} answers")


def cloud_clock(host: str) -> Iterator[Finding]:
    """How far this machine's clock is from Google's."""
    import requests  # as Google's library has it for tokens: the same proxy, the same authorities

    before = time.time()
    try:
        date = requests.head(f"https://{host}/", timeout=_ANSWER_S, allow_redirects=False).headers["date"]
        told_s = parsedate_to_datetime(date).timestamp() + 0.5  # it tells whole seconds
    except (requests.RequestException, LookupError, ValueError, TypeError):
        yield note("clock", f"Google's time cannot be had from {host}")
        return
    yield skew("clock", "Google's", (before + time.time()) / 2 - told_s)


def skew(place: str, whose: str, ahead_s: float) -> Finding:
    """How far a clock is from this machine's, which is ahead by so many seconds."""
    if abs(ahead_s) <= _SKEW_S:
        return ok(place, f"this machine's and {whose} agree")
    text = f"this machine's is {abs(ahead_s):,.0f} s {'ahead of' if ahead_s > 0 else 'behind'} {whose}"
    return (wrong if abs(ahead_s) > _LONGEST_SKEW_S else note)(place, text, _SET_CLOCK)
