"""Exit codes, and which error has which."""

from enum import IntEnum

from pubsubctl.errors import PubsubctlError, Unreachable, UsageError, WaitTimeout


class Code(IntEnum):
    """What the process says as it ends."""

    DONE = 0
    ERROR = 1
    USAGE = 2
    JOB_FAILED = 3  # or was cancelled; only with --wait
    TIMED_OUT = 4  # waiting; what was waited for goes on
    UNREACHABLE = 5  # the broker or the store
    INTERRUPTED = 130


_CODES: tuple[tuple[type[PubsubctlError], Code], ...] = (
    (UsageError, Code.USAGE),
    (WaitTimeout, Code.TIMED_OUT),
    (Unreachable, Code.UNREACHABLE),
)


def code_of(error: PubsubctlError) -> Code:
    """The exit code that an error stands for."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), Code.ERROR)
