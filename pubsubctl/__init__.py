"""pubsubctl turns any Flask (WSGI) Web-API into an asynchronous job service over Google Cloud Pub/Sub.

The public names are loaded when they are first used: an application that only wants ``progress`` does not pay for
the rest.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0.dev0"

__all__ = ["Client", "Job", "JobState", "PubsubctlError", "Response", "Settings", "SubmittedJob", "Upload", "progress"]

_HOMES = {
    "Client": "pubsubctl.client",
    "Job": "pubsubctl.job",
    "JobState": "pubsubctl.job",
    "PubsubctlError": "pubsubctl.errors",
    "Response": "pubsubctl.exchange",
    "Settings": "pubsubctl.settings",
    "SubmittedJob": "pubsubctl.submitted",
    "Upload": "pubsubctl.multipart",
    "progress": "pubsubctl.worker.progress",
}

if TYPE_CHECKING:
    from pubsubctl.client import Client
    from pubsubctl.errors import PubsubctlError
    from pubsubctl.exchange import Response
    from pubsubctl.job import Job, JobState
    from pubsubctl.multipart import Upload
    from pubsubctl.settings import Settings
    from pubsubctl.submitted import SubmittedJob
    from pubsubctl.worker.progress import progress


def __getattr__(name: str) -> Any:
    """Load a public name (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
