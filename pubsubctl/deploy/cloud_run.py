"""Workers as a Cloud Run worker pool.

https://cloud.google.com/run/docs/reference/yaml/v1 and .../docs/container-contract, of which the time to stop is.
"""

from pubsubctl.deploy.environment import listed
from pubsubctl.deploy.workload import PORT, STORE, Workload, cpus_of, mebibytes_of, quoted
from pubsubctl.errors import UsageError
from pubsubctl.scaffold.filling import filled

STOP_S = 10
"""What an instance has between SIGTERM and SIGKILL, in seconds."""
_MEMORY = {1: (512, 4096), 2: (512, 8192), 4: (2048, 16384), 6: (4096, 24576), 8: (4096, 32768)}
"""How many CPUs an instance may have, and with each the least and most memory, in MiB.

https://cloud.google.com/run/docs/configuring/workerpools/cpu
"""


def manifest(work: Workload, *, account: str, region: str, workers: int) -> str:
    """The worker pool, as ``gcloud run worker-pools replace`` takes it.

    Args:
        work: what it runs.
        account: the e-mail address of the service account that it is.
        region: where.
        workers: how many instances.

    Raises:
        UsageError: no instance can be of that size.
    """
    _check_size(work)
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
            "environment": listed(work.environment_as(account), {STORE: secret} if work.store_is_secret else {}),
            "secret_commands": _secret_commands(work, account) if work.store_is_secret else "",
            "cpu": quoted(work.cpu),
            "memory": quoted(work.memory),
            "port": str(PORT),
        },
    )


def _check_size(work: Workload) -> None:
    cpus = cpus_of(work.cpu)
    if cpus not in _MEMORY:
        raise UsageError(f"--cpu of a Cloud Run worker pool is 1, 2, 4, 6 or 8, not {work.cpu!r}")
    least, most = _MEMORY[int(cpus)]
    if not least <= mebibytes_of(work.memory) <= most:
        raise UsageError(
            f"--memory of a Cloud Run worker pool with --cpu {work.cpu} is {least}Mi to {most}Mi, not {work.memory!r}"
        )


def _secret_commands(work: Workload, account: str) -> str:
    grant = f"--role=roles/secretmanager.secretAccessor --member=serviceAccount:{account}"
    return f"""\
# Once, with the store's URL in {STORE}; a password is in it, so it stands in no manifest:
#   printf %s "${STORE}" | gcloud secrets create {work.secret} --project={work.project} --data-file=-
#   gcloud secrets add-iam-policy-binding {work.secret} --project={work.project} {grant}
# Then, and after each change:"""
