"""Whether the emulator that runs is the one that is asked for; and if not, in what it differs and what to do then."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pubsubctl.emulator import control
from pubsubctl.emulator.kinds import Kind
from pubsubctl.emulator.record import Running
from pubsubctl.errors import EmulatorError

_STOP = "stop it first with `pubsubctl emulator stop`"


def check_same(
    running: Running, kind: Kind, host_port: str | None, data_dir: Path | None, options: Mapping[str, str]
) -> None:
    """That ``running`` is what is asked for, by the arguments of ``daemon.start``.

    Raises:
        EmulatorError: it is not; or it was asked which faults it makes, and does not answer.
    """
    if "chaos" in options and running.kind is kind:
        running = replace(running, options={**running.options, "chaos": _faults(running, options["chaos"])})
    differing = _differing(running, kind, host_port, data_dir, options)
    if differing == ["--chaos"]:
        change = f"let it make others with `pubsubctl emulator chaos {options['chaos']}`"
        raise EmulatorError(f"{runs(running)}; {change}")
    if differing:
        raise EmulatorError(f"{runs(running)}; {_STOP}: another {' and another '.join(differing)} was asked for")


def runs(running: Running) -> str:
    """That it runs, and how, in words."""
    ways = "".join(f", --{name} {running.options[name]}" for name in running.kind.kept if name in running.options)
    return (
        f"{running.kind.title} runs already at {running.address} (pid {running.pid}, data in {running.data_dir}{ways})"
    )


def check_none(running: Running | None) -> None:
    """That none runs.

    Raises:
        EmulatorError: one does.
    """
    if running is not None:
        raise EmulatorError(f"{runs(running)}; {_STOP}")


def _differing(
    running: Running, kind: Kind, host_port: str | None, data_dir: Path | None, options: Mapping[str, str]
) -> list[str]:
    """The options that say something else than what there is."""
    now = {**kind.kept, **running.options}
    differs = {
        "broker": running.kind is not kind,
        "host-port": host_port is not None and not host_port.endswith(":0") and host_port != running.address,
        "data-dir": data_dir is not None and data_dir.resolve() != running.data_dir,
        **{name: name in options and options[name] != now[name] for name in kind.kept if name != "chaos"},
        "chaos": "chaos" in options and not _same_faults(options["chaos"], now.get("chaos", "off")),
    }
    return [f"--{name}" for name, yes in differs.items() if yes]


def _faults(running: Running, asked: str) -> str:
    """The faults that it makes now, with their seed if one is asked for: one that nobody named says nothing."""
    now = control.chaos(running.rest_address)
    return now if "seed" in asked else now.partition(",seed=")[0]


def _same_faults(asked: str, now: str) -> bool:
    from pubsubctl.emulator.embedded.chaos import Plan

    return str(Plan.parse(asked)) == str(Plan.parse(now))
