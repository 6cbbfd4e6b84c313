"""Service accounts of a project: made, found, and given a key where somebody asks for one.

https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts
"""

import base64
import os
import re
import time
from pathlib import Path
from typing import Any

from pubsubctl.cloud.rest import Apis, Conflict
from pubsubctl.errors import ResourceNotFound, UsageError

_NAME = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
_KNOWN_S = 60.0
"""So long after an account was made it may not be found."""
_PAUSE_S = 1.0


def email_of(name: str, project: str) -> str:
    """The e-mail address of a service account of a project, by its name or by that address itself.

    Raises:
        UsageError: no account of the project can be called so.
    """
    domain, _, plain = project.rpartition(":")  # such as example.com:shop
    home = f"{plain}.{domain}.iam.gserviceaccount.com" if domain else f"{project}.iam.gserviceaccount.com"
    short, _, elsewhere = name.partition("@")
    if elsewhere and elsewhere != home:
        raise UsageError(f"{name} is of another project, and is not made from here; name an account of {project}")
    if not _NAME.fullmatch(short):
        raise UsageError(
            f"no service account can be called {short!r}: 6 to 30 lower-case letters, digits and dashes, a letter first"
        )
    return f"{short}@{home}"


def create(apis: Apis, project: str, email: str) -> bool:
    """Make an account, unless it is there.

    Returns:
        Whether it was made.

    Raises:
        BrokerError, BrokerUnreachable: see ``Apis.call``.
    """
    body = {"accountId": email.partition("@")[0], "serviceAccount": {"displayName": "pubsubctl"}}
    try:
        apis.call("iam", "POST", f"v1/projects/{project}/serviceAccounts", body)
    except Conflict:
        return False
    return True


def exists(apis: Apis, project: str, email: str) -> bool:
    """Whether there is such an account; raises what ``Apis.call`` does, but for that."""
    try:
        apis.call("iam", "GET", f"v1/projects/{project}/serviceAccounts/{email}")
    except ResourceNotFound:
        return False
    return True


def check_key_file(path: Path) -> None:
    """Raise UsageError unless a key may go there: none is ever written over."""
    if path.exists():
        raise UsageError(f"{path} is there already, and a key is never written over; name another file")


def write_key(apis: Apis, project: str, email: str, path: Path, *, new: bool = False) -> None:
    """Make a key of an account, and write it to a new file that its owner alone can read.

    Args:
        apis: the services.
        project: whose account it is.
        email: the account.
        path: of the file.
        new: whether it has just been made, so that it may not be known everywhere.

    Raises:
        UsageError: there is a file already, or none can be made there; no key was made then.
        BrokerError, BrokerUnreachable: see ``Apis.call``; no file is left then.
    """
    check_key_file(path)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise UsageError(f"the key cannot go into {path}: {error.strerror}; name another file") from error
    made: dict[str, Any] = {}
    try:
        with os.fdopen(descriptor, "wb") as file:
            made = _key(apis, project, email, new=new)
            file.write(base64.b64decode(made["privateKeyData"]))
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        path.unlink(missing_ok=True)
        number = str(made.get("name", "KEY")).rpartition("/")[2]
        raise UsageError(
            f"the key cannot go into {path}: {error.strerror}; delete it with `gcloud iam service-accounts keys delete "
            f"{number} --iam-account={email}`"
        ) from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _key(apis: Apis, project: str, email: str, *, new: bool) -> dict[str, Any]:
    deadline = time.monotonic() + (_KNOWN_S if new else 0.0)
    while True:
        try:
            return apis.call("iam", "POST", f"v1/projects/{project}/serviceAccounts/{email}/keys", {})
        except ResourceNotFound:
            if time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE_S)


def project_number(apis: Apis, project: str) -> str:
    """The number of a project, by which Pub/Sub's own account is called; raises what ``Apis.call`` does."""
    return str(apis.call("cloudresourcemanager", "GET", f"v1/projects/{project}")["projectNumber"])
