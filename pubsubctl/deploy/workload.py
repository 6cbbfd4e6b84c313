"""What an engine is to run: the image with its worker, and all that the worker is told by its environment."""

import json
import math
import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from pubsubctl import names
from pubsubctl.errors import UsageError
from pubsubctl.exchange import RetryOn
from pubsubctl.settings import Settings

PORT = 8080
"""Where the worker in a container answers probes and tells its backlog."""
END_S = 10
"""What a worker needs beside its drain: to give back what it holds, and to end its children."""
STORE = "PUBSUBCTL_STORE"
_IMPERSONATED = "PUBSUBCTL_IMPERSONATE_SERVICE_ACCOUNT"

_NAME = re.compile(r"[a-z]([-a-z0-9]{0,47}[a-z0-9])?")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*")
_REGION = re.compile(r"[a-z]+(-[a-z]+)+[0-9]+")
_CPU = re.compile(r"(\d+(?:\.\d+)?)(m?)")
_LAST_OF_BMP = 0xFFFF
_MEMORY = re.compile(r"[1-9]\d*(Mi|Gi)")
# Of this machine alone: a key never goes along, and in a container the worker listens for its engine.
_LEFT = {
    "broker",
    "credentials_file",
    "emulator_host",
    "host_port",
    "store",
    "processes",
    "drain_timeout",
    "log_format",
}
_PATH_SCHEMES = {"", "sqlite"}
"""Of stores that are a file of one machine."""
_PASSWORDLESS = {*_PATH_SCHEMES, "firestore"}
"""Of stores whose URL holds no password; of one that is not known here, it may."""


@dataclass(frozen=True)
class Workload:
    """Workers of one image.

    Attributes:
        name: what they are called.
        image: the image that has the app and pubsubctl.
        project: of topic and subscription.
        environment: what they are told, by name; nothing in it is secret.
        store_is_secret: whether the store's URL may hold a password, and so is kept where secrets are.
        processes: how many jobs a worker runs side by side, each in a process that has ``threads``.
        threads: see ``processes``.
        drain_s: how long running jobs may take to end at a stop, in seconds.
        cpu: CPUs of each, as Kubernetes writes them.
        memory: of each, as Kubernetes writes it.
    """

    name: str
    image: str
    project: str
    environment: Mapping[str, str]
    store_is_secret: bool
    processes: int
    threads: int
    drain_s: float
    cpu: str
    memory: str

    @property
    def slots(self) -> int:
        """How many jobs one worker runs at once."""
        return self.processes * self.threads

    @property
    def grace_s(self) -> int:
        """How long a worker may take to stop, in whole seconds: to drain, and to end."""
        return math.ceil(self.drain_s) + END_S

    @property
    def secret(self) -> str:
        """What the secret with the store's URL is called."""
        return f"{self.name}-store"

    def environment_as(self, account: str) -> dict[str, str]:
        """``environment`` of workers that are a service account themselves, and so impersonate another at most."""
        told = dict(self.environment)
        if told.get(_IMPERSONATED) == account:
            del told[_IMPERSONATED]
        return told


def workload(settings: Settings, *, name: str, image: str, cpu: str, memory: str, longest_s: float | None) -> Workload:
    """What is to run with these settings.

    Args:
        settings: of the cloud's broker; those that somebody has set go along.
        name: of the workers.
        image: what they run.
        cpu: of each, such as ``2``, ``0.5`` or ``500m``.
        memory: of each, such as ``512Mi`` or ``2Gi``.
        longest_s: the longest that an engine lets a container take to stop, in seconds; None where we may say.

    Raises:
        UsageError: one of them cannot be used.
    """
    if settings.broker != "cloud":
        raise UsageError("workers that are deployed pull from the cloud; add --broker cloud")
    if "credentials_file" in urllib.parse.parse_qs((settings.store or "").partition("?")[2]):
        raise UsageError(
            "the store's URL names a key file, which no container has; use --credentials-file, or leave it out: on "
            "Cloud Run and GKE workers act as the service account"
        )
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"--name must be lower-case letters, digits and dashes, at most 49, a letter first, not {name!r}"
        )
    if not _IMAGE.fullmatch(image):
        raise UsageError(f"--image must be an image, such as europe-docker.pkg.dev/PROJECT/jobs/app:1, not {image!r}")
    if not _MEMORY.fullmatch(memory):
        raise UsageError(f"--memory must be such as 512Mi or 2Gi, not {memory!r}")
    if settings.payloads is not None and (shown := names.shown_url(settings.payloads)) != settings.payloads:
        raise UsageError(
            f"the payload place {shown} has a password in its URL, and none goes into a manifest; leave it out, and "
            "give it to the workers as the place's own client takes it"
        )
    processes = settings.processes or max(1, math.floor(cpus_of(cpu)))
    drain_s = settings.drain_timeout if longest_s is None else min(settings.drain_timeout, max(longest_s - 2, 0))
    environment = {"PUBSUBCTL_BROKER": "cloud"}
    for key in (each.name for each in fields(Settings)):
        if key in settings.sources and key not in _LEFT:
            environment[f"PUBSUBCTL_{key.upper()}"] = _text(getattr(settings, key))
    environment |= {
        # A container's share of the CPUs is not seen from within it.
        "PUBSUBCTL_PROCESSES": str(processes),
        "PUBSUBCTL_DRAIN_TIMEOUT": f"{drain_s:.15g}s",
        "PUBSUBCTL_HOST_PORT": f"0.0.0.0:{PORT}",
        "PUBSUBCTL_LOG_FORMAT": settings.log_format if "log_format" in settings.sources else "json",
    }
    store = settings.store or ""
    store_is_secret = _scheme(store) not in _PASSWORDLESS
    if not store_is_secret:
        environment[STORE] = store
    return Workload(
        name=name,
        image=image,
        project=settings.project,
        environment=environment,
        store_is_secret=store_is_secret,
        processes=processes,
        threads=settings.threads,
        drain_s=drain_s,
        cpu=cpu,
        memory=memory,
    )


def check_many_machines(settings: Settings) -> None:
    """Raise UsageError where what is set is of one machine alone, as workers on several share it."""
    if _scheme(settings.store or "") in _PATH_SCHEMES:
        raise UsageError(
            f"the store {settings.store_name} is a file of one machine, and workers on several need one that all "
            "reach; add --store firestore://PROJECT/DATABASE, or postgresql://..."
        )
    if settings.payloads is not None and "://" not in settings.payloads:
        raise UsageError(
            f"the payload place {settings.payloads} is a folder of one machine, and workers on several need one that "
            "all reach; add --payloads gs://BUCKET/PREFIX"
        )


def check_region(region: str) -> str:
    """A region of Google's, such as ``europe-west1``; raises UsageError where it cannot be one."""
    if not _REGION.fullmatch(region):
        raise UsageError(f"--region must be such as europe-west1, not {region!r}")
    return region


def quoted(value: object) -> str:
    """A value as YAML takes it, whatever is in it; unlike JSON, YAML has no pairs of surrogates."""
    inner = "".join(json.dumps(one)[1:-1] if ord(one) <= _LAST_OF_BMP else f"\\U{ord(one):08x}" for one in str(value))
    return f'"{inner}"'


def cpus_of(cpu: str) -> float:
    """How many CPUs that is; raises UsageError where it is none, or is not one of thousandths."""
    found = _CPU.fullmatch(cpu)
    thousandths = Decimal(found[1]) * (1 if found[2] else 1000) if found else Decimal(0)
    if not thousandths or thousandths % 1:
        raise UsageError(f"--cpu must be such as 2, 0.5 or 500m, no finer than 1m, not {cpu!r}")
    return float(thousandths / 1000)


def mebibytes_of(memory: str) -> int:
    """How many MiB a size is that ``workload`` has taken."""
    return int(memory[:-2]) * (1024 if memory.endswith("Gi") else 1)


def _scheme(store: str) -> str:
    """That of a store's URL, in lower case; empty for a path."""
    scheme, separator, _ = store.partition("://")
    return scheme.lower() if separator else ""


def _text(value: Any) -> str:
    """A setting as its environment variable takes it."""
    if isinstance(value, RetryOn):
        words = [*map(str, sorted(value.statuses)), *(word for word in ("timeout", "crash") if getattr(value, word))]
        return ",".join(words) or "none"
    return str(value)
