"""``scripts/image``: builds what ``pubsubctl init`` writes, starts all of its compose.yaml, and stops it again."""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from imaging import debian
from imaging.building import build
from imaging.image import Image, removed
from imaging.namespace import alone
from imaging.services import Services

_CODE = Path(__file__).parents[2]


def main() -> int:
    """Do so; 0 if all was as it should be, 2 where it cannot be done."""
    parser = argparse.ArgumentParser(prog="scripts/image", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the roots and logs where they are")
    arguments = parser.parse_args()
    missing = debian.missing()
    if missing is not None:
        print(f"scripts/image: {missing}", file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="pubsubctl-image-"))
    folder.chmod(0o755)
    try:
        began = time.monotonic()
        image = _image(folder)
        print(f"built in {time.monotonic() - began:.0f} s", flush=True)
        with alone() as network:
            services = Services(folder / "project", image, network, folder)
            try:
                return _tried(services)
            finally:
                services.kill()
    except RuntimeError as error:
        print(f"scripts/image: {error}", file=sys.stderr)
        return 1
    finally:
        if arguments.keep:
            print(f"kept: {folder}")
        else:
            removed(folder)


def _image(folder: Path) -> Image:
    project = folder / "project"
    _python("-m", "pubsubctl", "init", str(project))
    _python("-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(project / "wheels"), str(_CODE))
    return build(project, folder / "roots")


def _python(*arguments: str) -> None:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {done.stderr[-2000:]}")


def _tried(services: Services) -> int:
    began = time.monotonic()
    services.up("submitter")
    (submitter,) = services.containers["submitter"]
    submitter.process.wait(60)
    workers = services.containers["worker"]
    told = services.environment("worker")
    found = {
        "submit --wait ends with 0": submitter.process.returncode == 0,
        "its result is the app's": '{"doubled":42}' in submitter.printed,
        "both workers are healthy": all(services.run(worker.healthy, {}).returncode == 0 for worker in workers),
        "doctor finds nothing": services.run(["pubsubctl", "doctor"], told).returncode == 0,
        "nobody is root": services.run(["id", "--user"], {}).stdout == f"{services.image.user}\n" != "0\n",
        "the app cannot be written to": services.run(["touch", "/app/app.py"], {}).returncode != 0,
        "there is no pip's cache": not (services.image.root / "root/.cache").exists(),
    }
    signal = services.image.stop_signal
    found |= {f"{worker.name} drains at {signal}": worker.stop(signal) == 0 for worker in workers}
    (emulator,) = services.containers["emulator"]
    found[f"{emulator.name} ends at {signal}"] = emulator.stop(signal) == 0
    print(
        f"ran in {time.monotonic() - began:.0f} s; the image has {_megabytes(services.image.root / 'venv')} MB in /venv"
    )
    for what, holds in found.items():
        print(f"{'ok' if holds else 'FAILED':6}  {what}")
    if all(found.values()):
        return 0
    for container in (one for several in services.containers.values() for one in several):
        print(f"--- {container.name}\n{container.printed}", file=sys.stderr)
    return 1


def _megabytes(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file()) // 1_000_000


if __name__ == "__main__":
    sys.exit(main())
