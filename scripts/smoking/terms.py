"""What a run is to be: its options."""

import argparse
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from smoking.unproven import UNPROVEN

PROGRAM = "scripts/cloud-smoke"
PREFIX = "pubsubctl-smoke"
_EMULATORS_PROJECT = "pubsubctl-local"
_ABOUT = """\
Try pubsubctl on a real Google Cloud project, and print a table of what was seen, to paste into an issue.

It creates topics and subscriptions of its own, named pubsubctl-smoke-XXXXXX, touches nothing else, and deletes them in
the end, also after Ctrl-C, SIGTERM or a failed check. It says what it will create and what that costs, and asks.
Whoever runs it needs roles/pubsub.admin; for dead letters resourcemanager.projects.get too (roles/browser)."""
_CODES = """\
Exit status 0: every check is ok. 1: one has failed, or could not be decided; or the service refused. 2: usage.
5: the service cannot be reached. 130: interrupted."""


@dataclass(frozen=True)
class Terms:
    """What is asked for.

    Attributes:
        project: the Google Cloud project.
        prefix: what the names of all that is created begin with.
        emulator: ``HOST:PORT`` of an emulator in place of the service.
        store: a URL; None for a file in a temporary folder.
        keep: whether all that was made stays.
        yes: whether nobody is asked.
    """

    project: str
    prefix: str
    emulator: str | None
    store: str | None
    credentials_file: str | None
    impersonate_service_account: str | None
    endpoint: str | None
    keep: bool
    yes: bool

    @property
    def settle_s(self) -> float:
        """How long to look for a message, beyond its ack deadline, that should not come; in seconds."""
        return 5.0 if self.emulator else 20.0


def parse(arguments: Sequence[str]) -> Terms:
    """Read the options; ends the process with status 2 and one line where they make no sense."""
    parser = _Parser(
        prog=PROGRAM,
        description=_ABOUT,
        epilog=f"{UNPROVEN}\n\n{_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--project", help="the Google Cloud project; it must be named")
    parser.add_argument(
        "--store", metavar="URL", help="where jobs live; a SQLite file in a temporary folder unless given"
    )
    parser.add_argument(
        "--credentials-file", metavar="F", help="JSON key; application default credentials unless given"
    )
    parser.add_argument("--impersonate-service-account", metavar="A", help="act as this service account")
    parser.add_argument("--endpoint", metavar="H", help="such as europe-west1-pubsub.googleapis.com")
    parser.add_argument("--emulator", metavar="HOST:PORT", help="an emulator in place of Google Cloud")
    parser.add_argument("--keep", action="store_true", help="delete nothing in the end, and say how to")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    given = parser.parse_args(arguments)
    if not given.project and not given.emulator:
        parser.error("name the Google Cloud project with --project: nothing is done in one by default")
    if given.emulator and (given.credentials_file or given.impersonate_service_account or given.endpoint):
        parser.error("an emulator asks for no credentials and has no endpoint; leave those options or --emulator out")
    return Terms(
        project=given.project or _EMULATORS_PROJECT,
        prefix=f"{PREFIX}-{secrets.token_hex(3)}",
        emulator=given.emulator,
        store=_located(given.store),
        credentials_file=_located(given.credentials_file),
        impersonate_service_account=given.impersonate_service_account,
        endpoint=given.endpoint,
        keep=given.keep,
        yes=given.yes,
    )


def _located(place: str | None) -> str | None:
    """A path that does not depend on the working directory; a URL as it is."""
    return str(Path(place).expanduser().absolute()) if place and "://" not in place else place


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{PROGRAM}: {message}; see `{PROGRAM} --help`\n")
