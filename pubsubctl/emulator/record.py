"""What is known of the emulator of a state directory: ``emulator.json``, and the locks that bear it out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pubsubctl.emulator import lock
from pubsubctl.emulator.address import LOOPBACK
from pubsubctl.emulator.kinds import EMBEDDED, KINDS, Kind
from pubsubctl.settings import host_port
from pubsubctl.state import State

_EVERYWHERE = {"0.0.0.0": LOOPBACK, "[::]": "[::1]"}  # noqa: S104 - read, not listened at


@dataclass(frozen=True)
class Running:
    """An emulator that runs.

    Attributes:
        pid: of the process that answers for it.
        address: host:port of its gRPC.
        broker: ``embedded`` or ``gcloud``.
        data_dir: where its data lie.
        rest_address: host:port of its REST.
        options: what it was started with beside that, by name.
        started: whether the call that returned this started it.
    """

    pid: int
    address: str
    broker: str
    data_dir: Path
    rest_address: str
    options: Mapping[str, str] = field(default_factory=dict)
    started: bool = False

    @property
    def kind(self) -> Kind:
        """Which emulator it is."""
        return KINDS[self.broker]

    def is_held(self) -> bool:
        """Whether the process that is named here is there and is the emulator."""
        path = self.kind.lock(self.data_dir)
        return lock.is_held(path) and lock.content(path).get("pid") == self.pid


def from_here(address: str) -> str:
    """The address at which a client on this machine finds one that listens at ``address``: maybe at every interface."""
    host, _, port = address.rpartition(":")
    return f"{_EVERYWHERE.get(host, host)}:{port}"


def find(state: State) -> Running | None:
    """The emulator that runs for ``state``.

    What emulator.json says is believed if the lock that it leads to bears it out. Where it is missing, damaged or out
    of date, whoever holds the lock of a usual data directory is the one.
    """
    recorded = _parsed(state.read_json(state.emulator_json) or {})
    known = (recorded, *(_from_lock(state, kind) for kind in KINDS.values()))
    return next((running for running in known if running and running.is_held()), None)


def write(state: State, running: Running) -> None:
    """Let emulator.json say that this one runs.

    Raises:
        StateError: it cannot be written.
    """
    content = {
        "pid": running.pid,
        "address": running.address,
        "rest_address": running.rest_address,
        "broker": running.broker,
        "data_dir": str(running.data_dir),
        "options": dict(running.options),
    }
    state.write_json(state.emulator_json, content)


def mend(state: State) -> None:
    """Where emulator.json is missing and an emulator runs, write it again: whoever connects reads nothing else.

    Raises:
        StateError: it cannot be written.
    """
    if not state.emulator_json.exists() and (running := find(state)):
        write(state, running)


def forget(state: State, pid: int) -> None:
    """Remove emulator.json if it speaks of this process."""
    known = state.read_json(state.emulator_json)
    if known is not None and known.get("pid") == pid:
        state.emulator_json.unlink(missing_ok=True)


def _from_lock(state: State, kind: Kind) -> Running | None:
    data = kind.data_dir(state)
    return _parsed({**lock.content(kind.lock(data)), "broker": kind.name, "data_dir": str(data)})


def _parsed(known: dict[str, Any]) -> Running | None:
    """None where a part is missing or is not what it should be."""
    try:
        return Running(
            pid=_pid(known["pid"]),
            address=host_port(known["address"]),
            broker=KINDS[known.get("broker", EMBEDDED.name)].name,
            data_dir=Path(_text(known["data_dir"])),
            rest_address=host_port(known.get("rest_address") or known["address"]),
            options={name: str(value) for name, value in dict(known.get("options", {})).items()},
        )
    except (KeyError, TypeError, ValueError):
        return None


def _pid(value: Any) -> int:
    # Never 0 or less: a signal to that goes to other processes than one.
    if type(value) is not int or value <= 0:
        raise ValueError("no pid")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("no path")
    return value
