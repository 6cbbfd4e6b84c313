"""Runs the steps of a Dockerfile, each in the root of its stage."""

import fnmatch
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from imaging import debian, pip
from imaging.dockerfile import Instruction, Stage, stages
from imaging.image import Image, copied

_NETWORK = Path("/etc/resolv.conf")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


def build(context: Path, into: Path) -> Image:
    """Build what ``context/Dockerfile`` describes.

    Args:
        context: the folder that is sent to an engine.
        into: where the roots of the stages go.

    Raises:
        RuntimeError: a step failed, or is of a kind that is not known here; the text has the end of what it printed.
    """
    base = debian.root()
    built: dict[str, Image] = {}
    for stage in stages(context / "Dockerfile"):
        built[stage.name] = _built(stage, context, base, into / stage.name, built)
    return built[stage.name]


def _built(stage: Stage, context: Path, base: Path, root: Path, built: Mapping[str, Image]) -> Image:
    if not stage.base.startswith("python:") or not stage.base.endswith("-slim"):
        raise RuntimeError(f"FROM {stage.base}: only an image of Python on bare Debian is known here")
    copied(base, root)
    image = Image(root)
    steps: dict[str, Callable[[Instruction], None]] = {
        "RUN": lambda step: _run(step, image, context),
        "COPY": lambda step: _copy(step, image, context, built),
        "ENV": lambda step: _set(step, image),
        "WORKDIR": lambda step: _work_in(step.text, image),
        "USER": lambda step: setattr(image, "user", step.text),
        "ENTRYPOINT": lambda step: setattr(image, "entrypoint", step.command),
        "CMD": lambda step: setattr(image, "command", step.command),
        "HEALTHCHECK": lambda step: setattr(image, "healthy", _after_cmd(step)),
        "STOPSIGNAL": lambda step: setattr(image, "stop_signal", step.text),
        "EXPOSE": lambda _: None,
    }
    for step in stage.instructions:
        if step.name not in steps:
            raise RuntimeError(f"{step.name} is not known here")
        steps[step.name](step)
    return image


def _run(step: Instruction, image: Image, context: Path) -> None:
    told = pip.settings()
    mounts = {path: str(path) for path in (*pip.paths(told), _NETWORK) if path.exists()}
    if "mount" in step.flags:
        options = dict(option.partition("=")[::2] for option in step.flags["mount"].split(","))
        mounts[context] = options["target"]
    for here, there in mounts.items():
        image.place_for(there, folder=here.is_dir())
    told |= {name: value for name in _PROXIES if (value := os.environ.get(name))}
    command = image.entered(["sh", "-c", step.text], told, mounts=mounts)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"RUN {step.text}: ended with {done.returncode}\n{done.stdout[-3000:]}")


def _copy(step: Instruction, image: Image, context: Path, built: Mapping[str, Image]) -> None:
    *sources, target = step.words
    there = image.root / (Path(image.folder) / target).as_posix().lstrip("/")
    for source in sources:
        if "from" in step.flags:
            copied(built[step.flags["from"]].root / source.lstrip("/"), there)
        else:
            shutil.copytree(context / source, there, ignore=_ignoring(context), dirs_exist_ok=True)


def _ignoring(context: Path) -> Callable[[str, list[str]], set[str]]:
    """What ``.dockerignore`` keeps back; its patterns are of the context itself, not of folders below."""
    patterns = (context / ".dockerignore").read_text(encoding="utf-8").split()

    def ignored(folder: str, names: list[str]) -> set[str]:
        at_top = Path(folder) == context
        return {name for name in names for pattern in patterns if at_top and fnmatch.fnmatch(name, pattern)}

    return ignored


def _set(step: Instruction, image: Image) -> None:
    for word in step.words:
        name, _, value = word.partition("=")
        image.environment[name] = value.replace("$PATH", image.environment["PATH"])


def _work_in(folder: str, image: Image) -> None:
    image.folder = folder
    image.place_for(folder, folder=True)


def _after_cmd(step: Instruction) -> list[str]:
    return Instruction("CMD", {}, step.text.removeprefix("CMD").strip()).command
