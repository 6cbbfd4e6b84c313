"""Workers as a Cloud Run worker pool.

https://cloud.google.com/run/docs/reference/yaml/v1 and .../docs/container-contract, of which the time to stop is.
"""

from pubsubctl.deploy.environment import listed
from pubsubctl.deploy.workload import PORT, STORE, Workload, quoted
from pubsubctl.scaffold.filling import filled

STOP_S = 10
"""What an instance has between SIGTERM and SIGKILL, in seconds."""


def manifest(work: Workload, *, account: str, region: str, workers: int) -> str:
    """The worker pool, as ``gcloud run worker-pools replace`` takes it.

    Args:
        work: what it runs.
        account: the e-mail address of the service account that it is.
        region: where.
        workers: how many instances.
    """
    secret = {"valueFrom": {"secretKeyRef": {"name": work.secret, "key": "latest"}}}
    return filled(
        __package__,
        "cloud_run",
        {
            "name": work.name,
            "project": work.project,
            "region": region,
            "workers": str(workers),
            "account": quoted(account),
            "image": quoted(work.image),
            "longest": str(STOP_S),
            "environment": listed(work.environment, {STORE: secret} if work.store_is_secret else {}),
            "secret_commands": _secret_commands(work, account) if work.store_is_secret else "",
            "cpu": quoted(work.cpu),
            "memory": quoted(work.memory),
            "port": str(PORT),
        },
    )


def _secret_commands(work: Workload, account: str) -> str:
    grant = f"--role=roles/secretmanager.secretAccessor --member=serviceAccount:{account}"
    return f"""\
# Once, with the store's URL on standard input; a password is in it, so it stands in no manifest:
#   gcloud secrets create {work.secret} --project={work.project} --data-file=-
#   gcloud secrets add-iam-policy-binding {work.secret} --project={work.project} {grant}
# Then, and after each change:"""
