"""Workers as a Deployment on GKE: a grace that is as long as the drain, a disruption budget, and autoscaling."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pubsubctl.deploy.environment import listed
from pubsubctl.deploy.workload import PORT, STORE, Workload, quoted
from pubsubctl.errors import UsageError
from pubsubctl.scaffold.filling import filled

_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class Scale:
    """How many workers there are.

    Attributes:
        fewest: at least; from 1, as a worker tells the backlog.
        most: at most; where that is no more than ``fewest``, nothing is scaled.
        target: the backlog for each worker; None: what one runs at once.
    """

    fewest: int
    most: int
    target: int | None = None


def manifests(work: Workload, *, account: str, namespace: str, scale: Scale) -> str:
    """All of it, as ``kubectl apply`` takes it.

    Args:
        work: what is run.
        account: the e-mail address of the service account that the workers act as.
        namespace: where.
        scale: how many.

    Raises:
        UsageError: no namespace can be called so, or the numbers contradict each other.
    """
    if not _NAMESPACE.fullmatch(namespace):
        raise UsageError(f"--namespace must be lower-case letters, digits and dashes, at most 63, not {namespace!r}")
    if scale.most < scale.fewest:
        raise UsageError(f"--max-workers {scale.most} is less than --min-workers {scale.fewest}")
    fixed = scale.most == scale.fewest
    secret = {"valueFrom": {"secretKeyRef": {"name": work.secret, "key": "url"}}}
    values = {
        "name": work.name,
        "namespace": namespace,
        "project": work.project,
        "account": account,
        "image": quoted(work.image),
        "replicas": f"replicas: {scale.fewest}" if fixed else "",
        "drain": f"{work.drain_s:.15g} s",
        "grace": str(work.grace_s),
        "environment": listed(_escaped(work.environment_as(account)), {STORE: secret} if work.store_is_secret else {}),
        "secret_commands": _secret_commands(work, namespace) if work.store_is_secret else "",
        "unscaling": _unscaling(work, namespace) if fixed else "",
        "cpu": quoted(work.cpu),
        "memory": quoted(work.memory),
        "port": str(PORT),
        "slots": str(work.slots),
        "fewest": str(scale.fewest),
        "most": str(scale.most),
        "target": str(scale.target or work.slots),
    }
    return filled(__package__, "gke", values | {"autoscaling": "" if fixed else _part("gke_autoscaling", values)})


def _part(name: str, values: dict[str, str]) -> str:
    return filled(str(__package__), name, values)


def _escaped(values: Mapping[str, str]) -> dict[str, str]:
    """With each dollar sign written twice: Kubernetes puts variables in where a value has ``$(NAME)``."""
    return {name: value.replace("$", "$$") for name, value in values.items()}


def _unscaling(work: Workload, namespace: str) -> str:
    return f"""\
# Once, where their number was not fixed before, as KEDA would go on changing it:
#   kubectl delete scaledobject,service {work.name} --namespace={namespace} --ignore-not-found"""


def _secret_commands(work: Workload, namespace: str) -> str:
    create = f"kubectl create secret generic {work.secret} --namespace={namespace} --from-file=url=/dev/stdin"
    return f"""\
# Once, with the store's URL in {STORE}; a password is in it, so it stands in no manifest:
#   printf %s "${STORE}" | {create}"""
