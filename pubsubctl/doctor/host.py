"""This machine: what is installed, which settings are in force and where they came from, whose key lies open."""

import platform
from collections.abc import Iterator
from dataclasses import fields
from importlib import metadata

from pubsubctl import __version__
from pubsubctl.credentials.asked import open_file_remedy, open_file_text
from pubsubctl.doctor.finding import Finding, note, ok
from pubsubctl.names import shown_url
from pubsubctl.settings import Settings

_PACKAGES = ("google-cloud-pubsub", "grpcio", "flask", "sqlalchemy")
_OWNER_ONLY = 0o600


def versions() -> Iterator[Finding]:
    """What runs here."""
    packages = ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)
    yield ok("versions", f"pubsubctl {__version__}, Python {platform.python_version()}, {packages}")


def settings_in_force(settings: Settings) -> Iterator[Finding]:
    """Whatever somebody has set, and where."""
    for field in fields(settings):
        source = settings.sources.get(field.name)
        if source is not None:
            yield ok("setting", f"{field.name} = {shown_url(str(getattr(settings, field.name)))} (from {source})")
    if not settings.sources:
        yield ok("setting", "none is set: the defaults are in force")


def key_file(settings: Settings) -> Iterator[Finding]:
    """Whether others can read the key."""
    path = settings.credentials.open_file if settings.broker == "cloud" else None
    if path is not None:
        yield note("key", open_file_text(path), open_file_remedy(path), lambda: path.chmod(_OWNER_ONLY))


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "is not installed"
