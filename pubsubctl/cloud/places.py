"""Roles on what keeps jobs and large bodies: a Firestore database, a bucket. Pure.

They are told to whoever may grant them, and never granted from here: a role on a database is one of its project, under
a condition, and a bucket may be anybody's.
https://cloud.google.com/firestore/native/docs/security/iam
https://cloud.google.com/storage/docs/access-control/iam-roles
"""

import shlex
from urllib.parse import unquote, urlsplit

from pubsubctl.cloud.grants import Grant
from pubsubctl.cloud.plan import project_of
from pubsubctl.errors import InvalidSetting
from pubsubctl.settings import Settings

DATABASE_USER = "roles/datastore.user"
OBJECT_USER = "roles/storage.objectUser"
WHY_LEFT = (
    "roles on databases and buckets are for whoever has these; setup grants those on topics and subscriptions alone"
)

_DEFAULT_DATABASE = "(default)"
_DATABASES, _BUCKETS = "databases", "buckets"


def of_places(settings: Settings, email: str) -> list[Grant]:
    """What a service account needs where the store is Firestore's, or large bodies go to a bucket.

    Raises:
        InvalidSetting: the store names no project.
    """
    member, found = f"serviceAccount:{email}", []
    store = urlsplit(settings.store or "")
    if store.scheme == "firestore":
        if not store.netloc:
            raise InvalidSetting(f"the store {settings.store!r} names no project; write firestore://PROJECT/DATABASE")
        database = unquote(store.path.strip("/")) or _DEFAULT_DATABASE
        resource = f"projects/{store.netloc}/{_DATABASES}/{database}"
        found.append(Grant(resource, DATABASE_USER, member, "reads and writes jobs"))
    payloads = urlsplit(settings.payloads or "")
    if payloads.scheme in {"gs", "gcs"}:
        bucket = f"projects/_/{_BUCKETS}/{payloads.netloc}"
        found.append(Grant(bucket, OBJECT_USER, member, "reads and writes large bodies"))
    return found


def is_place(grant: Grant) -> bool:
    """Whether it is one of these."""
    return grant.resource.split("/")[2] in {_DATABASES, _BUCKETS}


def is_database(grant: Grant) -> bool:
    """Whether it is on a database, and so on its project."""
    return grant.resource.split("/")[2] == _DATABASES


def condition(grant: Grant) -> str:
    """What makes a role on a project one on the database alone, in the Common Expression Language."""
    return f'resource.name=="{grant.resource}"'


def binding(grant: Grant) -> str:
    """The command of gcloud that gives it."""
    to = f"--member={shlex.quote(grant.member)} --role={grant.role}"
    if is_database(grant):
        only = shlex.quote(f"expression={condition(grant)},title=pubsubctl")
        return (
            f"gcloud projects add-iam-policy-binding {shlex.quote(project_of(grant.resource))} {to} --condition={only}"
        )
    bucket = shlex.quote(f"gs://{bucket_of(grant)}")
    return f"gcloud storage buckets add-iam-policy-binding {bucket} {to}"


def bucket_of(grant: Grant) -> str:
    """The name of the bucket that it is on."""
    return grant.resource.rpartition("/")[2]
