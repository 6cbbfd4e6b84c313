"""``pubsubctl deploy``: manifests for the engines that run workers, on stdout."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pubsubctl.cli.app import new
from pubsubctl.cli.options import with_settings
from pubsubctl.render.output import note, script

if TYPE_CHECKING:
    from pubsubctl.settings import Settings

app = new()


@app.callback()
def deploy() -> None:
    """Write manifests for what runs workers: Cloud Run, GKE, or docker compose. Nothing is deployed by it.

    What is set for the cloud goes along: by options, environment, pubsubctl.toml or --profile.
    """


_Image = Annotated[str, typer.Option("--image", metavar="IMAGE", show_default=False, help="The app, with pubsubctl.")]
_Name = Annotated[str, typer.Option("--name", metavar="NAME", help="What the workers are called.")]
_Account = Annotated[
    str,
    typer.Option(
        "--service-account",
        metavar="NAME|EMAIL",
        show_default=False,
        help="Whom they act as; see `pubsubctl setup --service-account`.",
    ),
]
_Cpu = Annotated[str, typer.Option("--cpu", metavar="CPUS", help="CPUs of each worker, such as 2 or 500m.")]
_PoolCpu = Annotated[str, typer.Option("--cpu", metavar="CPUS", help="CPUs of each worker: 1, 2, 4, 6 or 8.")]
_Memory = Annotated[str, typer.Option("--memory", metavar="SIZE", help="Memory of each worker, such as 512Mi or 2Gi.")]
_Workers = Annotated[int, typer.Option("--workers", min=1, max=1000, metavar="N", help="How many.")]
_EMAIL = re.compile(r"[a-z0-9-]+@[a-z0-9.-]+\.gserviceaccount\.com")
_OF_WORKERS = ("processes", "threads", "job_timeout", "drain_timeout")
_Region = Annotated[str, typer.Option("--region", metavar="REGION", show_default=False, help="Such as europe-west1.")]
_Namespace = Annotated[str, typer.Option("--namespace", metavar="NAMESPACE", help="Where in the cluster.")]
_Fewest = Annotated[int, typer.Option("--min-workers", min=1, max=1000, metavar="N", help="At least so many.")]
_Most = Annotated[int, typer.Option("--max-workers", min=1, max=1000, metavar="N", help="At most so many.")]
_Target = Annotated[
    int | None,
    typer.Option(
        "--backlog-per-worker",
        min=1,
        metavar="N",
        show_default=False,
        help="Jobs that wait or run, for each worker; as many as it runs at once unless given.",
    ),
]


@app.command(
    "cloud-run",
    epilog="Example: pubsubctl deploy cloud-run --profile prod --image europe-docker.pkg.dev/my-project/jobs/app:1 "
    "--service-account jobs-worker --region europe-west1 > worker-pool.yaml",
)
@with_settings(*_OF_WORKERS)
def cloud_run(
    settings: "Settings",
    *,
    image: _Image,
    service_account: _Account,
    region: _Region,
    name: _Name = "pubsubctl-worker",
    workers: _Workers = 2,
    cpu: _PoolCpu = "1",
    memory: _Memory = "1Gi",
) -> None:
    """A Cloud Run worker pool. It stays as large as it is told to be."""
    from pubsubctl.deploy.cloud_run import STOP_S, manifest
    from pubsubctl.deploy.workload import check_many_machines, check_region, workload

    work = workload(settings, name=name, image=image, cpu=cpu, memory=memory, longest_s=STOP_S)
    check_many_machines(settings)
    pool = manifest(work, account=_account(service_account, settings), region=check_region(region), workers=workers)
    script(pool.splitlines())
    if work.drain_s < settings.drain_timeout:
        note(
            f"Cloud Run stops an instance within {STOP_S} s, so workers drain for {work.drain_s:.15g} s, not "
            f"{settings.drain_timeout:.15g}; a job that runs for longer then is begun anew by another worker"
        )
    _tell_key(settings)


@app.command(
    "gke",
    epilog="Example: pubsubctl deploy gke --profile prod --image europe-docker.pkg.dev/my-project/jobs/app:1 "
    "--service-account jobs-worker --max-workers 20 > workers.yaml",
)
@with_settings(*_OF_WORKERS)
def gke(
    settings: "Settings",
    *,
    image: _Image,
    service_account: _Account,
    namespace: _Namespace = "default",
    name: _Name = "pubsubctl-worker",
    min_workers: _Fewest = 1,
    max_workers: _Most = 10,
    backlog_per_worker: _Target = None,
    cpu: _Cpu = "1",
    memory: _Memory = "1Gi",
) -> None:
    """A Deployment with workload identity, a disruption budget, and KEDA's autoscaling by backlog.

    With --min-workers and --max-workers the same there are always so many, and KEDA is not needed.
    """
    from pubsubctl.deploy.gke import Scale, manifests
    from pubsubctl.deploy.workload import check_many_machines, workload

    work = workload(settings, name=name, image=image, cpu=cpu, memory=memory, longest_s=None)
    check_many_machines(settings)
    scale = Scale(min_workers, max_workers, backlog_per_worker)
    text = manifests(work, account=_account(service_account, settings), namespace=namespace, scale=scale)
    script(text.splitlines())
    _tell_key(settings)


@app.command(
    epilog="Example: pubsubctl deploy compose --profile prod --image europe-docker.pkg.dev/my-project/jobs/app:1 "
    "> compose.prod.yaml",
)
@with_settings(*_OF_WORKERS)
def compose(
    settings: "Settings",
    *,
    image: _Image,
    name: _Name = "pubsubctl-worker",
    workers: _Workers = 2,
    cpu: _Cpu = "1",
    memory: _Memory = "1Gi",
) -> None:
    """A compose file for one machine that pulls from the cloud; `pubsubctl init` writes one with an emulator."""
    from pubsubctl.deploy.compose import composed
    from pubsubctl.deploy.workload import workload

    work = workload(settings, name=name, image=image, cpu=cpu, memory=memory, longest_s=None)
    key_file = Path(settings.credentials_file).absolute() if settings.credentials_file else None
    script(composed(work, workers=workers, key_file=key_file).splitlines())


def _account(name: str, settings: "Settings") -> str:
    from pubsubctl.cloud.accounts import email_of

    return name if _EMAIL.fullmatch(name) else email_of(name, settings.project)


def _tell_key(settings: "Settings") -> None:
    if settings.credentials_file:
        note("no key goes into a manifest: workers act as the service account, without one")
