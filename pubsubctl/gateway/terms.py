"""What a gateway allows, and asks for."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pubsubctl.errors import UsageError

LEAST_TOKEN = 16
"""Characters of a token: what can be guessed is none."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The bounds of a gateway.

    Attributes:
        token: what clients must show, or None: anybody may ask.
        allow: shell patterns of the paths that become jobs; all of them where it is empty.
        default_wait_s: how long a request waits for its job that does not say how long it would.
        max_wait_s: the longest that any may wait.
        max_body: bytes of a request's body.
        max_waits: requests that may wait, and streams of events that may be open, at the same time.
        rate_per_s: requests a second that one client may make; 0: any number.
        cors_origins: origins whose pages may ask, ``*`` for all; none where it is empty.
        hosts: names of this gateway beside those of the machine for itself, where there is no token; None: any.
        dashboard: whether pages for people are served on the same origin.

    Raises:
        UsageError: the token is too short, or the waits contradict each other.
    """

    token: str | None = None
    allow: tuple[str, ...] = ()
    default_wait_s: float = 0.0
    max_wait_s: float = 60.0
    max_body: int = 10_000_000
    max_waits: int = 1000
    rate_per_s: float = 0.0
    cors_origins: tuple[str, ...] = ()
    hosts: tuple[str, ...] | None = None
    dashboard: bool = False

    def __post_init__(self) -> None:
        if self.token is not None and not re.fullmatch(rf"[!-~]{{{LEAST_TOKEN},}}", self.token):
            raise UsageError(
                f"a token must have {LEAST_TOKEN} ASCII characters or more, and no spaces; make one at random"
            )
        if self.default_wait_s > self.max_wait_s:
            raise UsageError(
                f"the default wait of {self.default_wait_s:g} s is longer than the longest, {self.max_wait_s:g} s"
            )

    def allows(self, path: str) -> bool:
        """Whether requests of a path (without its query) become jobs."""
        return not self.allow or any(fnmatchcase(path, pattern) for pattern in self.allow)
