"""Builds the image that `pubsubctl init` describes, starts all of its compose.yaml, and stops it again.

It is not in all what an engine would do: the roots are Debian bookworm's with its Python 3.11, whatever the
Dockerfile's ARG says, and what a service runs is itself process 1 of its namespace, whether `init` is set or not.
It needs root on Linux, and debootstrap.
"""

import argparse
import contextlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from imaging import debian
from imaging.building import build
from imaging.image import Image, removed
from imaging.namespace import alone
from imaging.services import Services

_CODE = Path(__file__).parents[2]


def main() -> int:
    """Do so; 0 if all was as it should be, 2 where it cannot be done, 130 where it was told to end."""
    parser = argparse.ArgumentParser(prog="scripts/image", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the roots and logs where they are")
    arguments = parser.parse_args()
    missing = debian.missing()
    if missing is not None:
        print(f"scripts/image: {missing}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        with _folder(keep=arguments.keep) as folder:
            return _ran(folder)
    except KeyboardInterrupt:
        print("scripts/image: interrupted", file=sys.stderr)
        return 130
    except (RuntimeError, ValueError, OSError, subprocess.SubprocessError) as error:
        print(f"scripts/image: {error}", file=sys.stderr)
        return 1


def _interrupted(*_: Any) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # timeout(1) tells it twice, and what is left has to be cleared away
    raise KeyboardInterrupt


@contextlib.contextmanager
def _folder(*, keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="pubsubctl-image-"))
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        if keep:
            print(f"kept: {folder}")
        else:
            removed(folder)


def _ran(folder: Path) -> int:
    began = time.monotonic()
    image = _image(folder)
    print(f"built in {time.monotonic() - began:.0f} s", flush=True)
    with alone() as network:
        services = Services(folder / "project", image, network, folder)
        try:
            return _tried(services)
        except (RuntimeError, ValueError, OSError, subprocess.SubprocessError):
            print(services.logs(), file=sys.stderr)
            raise
        finally:
            services.kill()


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
    services.up_all()
    (submitter,) = services.containers["submitter"]
    with contextlib.suppress(subprocess.TimeoutExpired):
        submitter.process.wait(60)
    workers = services.containers["worker"]
    told = services.environment("worker")
    found = {
        "submit --wait ends with 0": submitter.process.returncode == 0,
        "its result is the app's": '{"doubled":42}' in submitter.printed,
        "both workers are healthy": all(services.run(worker.healthy, {}).returncode == 0 for worker in workers),
        "doctor finds nothing": services.run(["pubsubctl", "doctor"], told).returncode == 0,
        "nobody is root": services.run(["id", "--user"], {}).stdout == f"{services.image.user}\n" != "0\n",
        "the app cannot be written to": "Permission denied" in services.run(["touch", "/app/app.py"], {}).stderr,
        "there is no pip's cache": not (services.image.root / "root/.cache").exists(),
    }
    stop = services.image.stop_signal
    found |= {f"{worker.name} drains at {stop}": worker.stop(stop) == 0 for worker in workers}
    (emulator,) = services.containers["emulator"]
    found[f"{emulator.name} ends at {stop}"] = emulator.stop(stop) == 0
    print(
        f"ran in {time.monotonic() - began:.0f} s; the image has {_megabytes(services.image.root / 'venv')} MB in /venv"
    )
    for what, holds in found.items():
        print(f"{'ok' if holds else 'FAILED':6}  {what}")
    if all(found.values()):
        return 0
    print(services.logs(), file=sys.stderr)
    return 1


def _megabytes(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file()) // 1_000_000


if __name__ == "__main__":
    sys.exit(main())
