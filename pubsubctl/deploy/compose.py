"""Workers on one machine, with docker compose."""

from pathlib import Path

from pubsubctl.deploy.environment import mapped
from pubsubctl.deploy.workload import PORT, STORE, Workload, cpus_of, quoted
from pubsubctl.scaffold.filling import filled

_DATA = "/data"
_KEY = "credentials"
_USER = 10001
"""Whom the image that ``init`` writes runs as."""


def composed(work: Workload, *, workers: int, key_file: Path | None) -> str:
    """The file, as ``docker compose`` takes it.

    Args:
        work: what is run; a store or a payload place that is a file or a folder is kept in a volume.
        workers: how many containers.
        key_file: the credentials that they use; None: those that the machine itself has in the cloud.
    """
    environment, secret = dict(work.environment), ""
    kept = _keep(environment)
    if key_file is not None:
        environment["PUBSUBCTL_CREDENTIALS_FILE"] = f"/run/secrets/{_KEY}"
    lines = mapped(environment)
    if work.store_is_secret:
        lines += f"\n{STORE}: ${{{STORE}:?is the store's URL, which has a password and stands in no file}}"
        secret = f"# {STORE} must be in the environment, as the store's URL has a password in it.\n"
    if key_file is not None:
        secret += f"# The image's user, {_USER}, must be able to read the key; it may have a copy of its own:\n"
        secret += f"#   sudo install --owner={_USER} --mode=0400 KEY_FILE COPY\n"
    return filled(
        __package__,
        "compose",
        {
            "name": work.name,
            "image": quoted(work.image),
            "secret_commands": secret,
            "grace": str(work.grace_s),
            "drain": f"{work.drain_s:.15g} s",
            "environment": lines,
            "mounts": _mounts(kept=kept, key=key_file is not None),
            "resources": _resources(kept=kept, key_file=key_file),
            "workers": str(workers),
            "cpus": quoted(f"{cpus_of(work.cpu):.15g}"),
            "memory": quoted(work.memory.replace("Mi", "m").replace("Gi", "g")),
            "port": str(PORT),
        },
    )


def _keep(environment: dict[str, str]) -> bool:
    """Put what would be a file or a folder of this machine into the volume; whether there is any."""
    local = [name for name in (STORE, "PUBSUBCTL_PAYLOADS") if _is_path(environment.get(name))]
    places = {STORE: f"{_DATA}/jobs.db", "PUBSUBCTL_PAYLOADS": f"{_DATA}/payloads"}
    environment.update({name: places[name] for name in local})
    return bool(local)


def _is_path(place: str | None) -> bool:
    return place is not None and ("://" not in place or place.startswith("sqlite:"))


def _mounts(*, kept: bool, key: bool) -> str:
    volumes = f"volumes:\n  - data:{_DATA}\n" if kept else ""
    return volumes + (f"secrets: [{_KEY}]\n" if key else "")


def _resources(*, kept: bool, key_file: Path | None) -> str:
    volumes = "\nvolumes:\n  data: {}\n" if kept else ""
    if key_file is None:
        return volumes
    place = quoted(str(key_file).replace("$", "$$"))  # compose puts variables in here, too
    return f"{volumes}\nsecrets:\n  {_KEY}:\n    file: {place}\n"
