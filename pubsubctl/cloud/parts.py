"""What a service account does with jobs. Cheap to import: the command line names them."""

from enum import StrEnum


class Part(StrEnum):
    """One of both."""

    SUBMITTER = "submitter"
    WORKER = "worker"
