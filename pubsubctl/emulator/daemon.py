"""A local emulator as a daemon of one ``.pubsubctl`` directory: start it, find it, stop it.

``emulator.json`` says which process serves where; without it, the lock in a usual data directory does. That the
process still does is known by that lock. No gRPC in here: whoever asks what runs should not wait for it to be imported.
"""

import contextlib
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from pubsubctl.emulator import lock, record
from pubsubctl.emulator.address import CONNECT_TIMEOUT_S, LOOPBACK, accepts, bindable
from pubsubctl.emulator.kinds import Kind, kind_of
from pubsubctl.emulator.launch import Launch, launched, reap, until
from pubsubctl.emulator.record import Running
from pubsubctl.emulator.sameness import check_none, check_same
from pubsubctl.errors import EmulatorError, UsageError
from pubsubctl.settings import host_port as checked
from pubsubctl.state import State

_NOTHING: Mapping[str, str] = {}


def start(
    state: State,
    *,
    broker: str = "embedded",
    host_port: str | None = None,
    data_dir: Path | None = None,
    options: Mapping[str, str] = _NOTHING,
    timeout_s: float | None = None,
) -> Running:
    """Start the emulator of ``state`` as a daemon, or find it running.

    Args:
        state: whose emulator.
        broker: ``embedded`` or ``gcloud``.
        host_port: where to listen; unless given, on 127.0.0.1 at the port of the last run, or else at a free one.
        data_dir: where the data lie, or will be; unless given, in the state directory.
        options: the emulator's own options by name, passed on as they are: for ``embedded``, ``durability`` (``full``,
            ``normal`` or ``memory``) and ``chaos`` (faults to make); for ``gcloud``, ``project``.
        timeout_s: how long it may take until RPCs are answered; unless given, what is long for this emulator.

    Raises:
        UsageError: ``host_port`` is no host and port, ``broker`` no emulator, or an option none of it.
        EmulatorError: it does not start (the text has the last line of its log), or one runs already that is not what
            is asked for.
    """
    kind = kind_of(broker)
    kind.check(options)
    _check_host_port(host_port)
    state.create()
    with state.lock("emulator"):
        running = find(state)
        if running is not None:
            check_same(running, kind, host_port, data_dir, options)
            record.mend(state)
            return running
        launch = _launch(state, kind, host_port, data_dir, options)
        with launched(launch, timeout_s or kind.start_s) as (pid, address, rest_address):
            running = _running(launch, pid, address, rest_address)
            record.write(state, running)
        return replace(running, started=True)


def find(state: State) -> Running | None:
    """The emulator that runs for ``state``, if one does and accepts connections."""
    running = record.find(state)
    return running if running and accepts(running.address) else None


def stop(state: State, *, timeout_s: float = 10) -> bool:
    """Stop the emulator of ``state``: what is pending is written first, unless that takes longer than ``timeout_s``.

    Returns:
        Whether one ran.

    Raises:
        EmulatorError: it may not be stopped by this user.
    """
    if not state.directory.is_dir():
        return False
    with state.lock("emulator"):
        running = record.find(state)
        if running:
            _end(running, timeout_s)
        state.emulator_json.unlink(missing_ok=True)
        return running is not None


def serve_foreground(
    state: State,
    *,
    broker: str = "embedded",
    host_port: str | None = None,
    data_dir: Path | None = None,
    options: Mapping[str, str] = _NOTHING,
    on_ready: Callable[[Running], None] = lambda _: None,
) -> None:
    """Be the emulator of ``state`` in this process until SIGTERM or SIGINT; call from the main thread.

    Args:
        state: whose emulator.
        broker: as for ``start``.
        host_port: as for ``start``.
        data_dir: as for ``start``.
        options: as for ``start``.
        on_ready: called once RPCs are answered.

    Raises:
        UsageError: as for ``start``.
        EmulatorError: one runs already, it cannot be started, or it ended by itself.
    """
    kind = kind_of(broker)
    kind.check(options)
    _check_host_port(host_port)
    state.create()
    launch = _launch(state, kind, host_port, data_dir, options)
    with contextlib.ExitStack() as starting:
        starting.enter_context(state.lock("emulator"))  # until it serves: two that start at once would both do
        check_none(find(state))

        def ready(address: str) -> None:
            running = _running(launch, os.getpid(), address, address)
            record.write(state, running)
            starting.close()
            on_ready(running)

        try:
            kind.serve(launch.data_dir, launch.host_port, options, ready)
        finally:
            record.forget(state, os.getpid())


def _check_host_port(host_port: str | None) -> None:
    try:
        checked(host_port or f"{LOOPBACK}:0")
    except ValueError as error:
        raise UsageError(f"--host-port {error}, not {host_port!r}") from error


def _launch(
    state: State, kind: Kind, host_port: str | None, data_dir: Path | None, options: Mapping[str, str]
) -> Launch:
    data = data_dir.resolve() if data_dir else kind.data_dir(state)
    return Launch(kind, data, host_port or _usual_address(kind, data), options, state.emulator_log)


def _running(launch: Launch, pid: int, address: str, rest_address: str) -> Running:
    return Running(
        pid=pid,
        address=address,
        rest_address=rest_address,
        broker=launch.kind.name,
        data_dir=launch.data_dir,
        options=launch.options,
    )


def _usual_address(kind: Kind, data: Path) -> str:
    """Where the last run listened, so that its clients find this one; with port 0 if that is taken."""
    address = str(lock.content(kind.lock(data)).get("address"))
    if address.startswith(f"{LOOPBACK}:"):
        with contextlib.suppress(ValueError, OSError):
            return bindable(checked(address))
    return f"{LOOPBACK}:0"


def _end(running: Running, timeout_s: float) -> None:
    """SIGTERM, and SIGKILL if that does not end it in time."""
    for number, patience_s in ((signal.SIGTERM, timeout_s), (signal.SIGKILL, CONNECT_TIMEOUT_S)):
        try:
            os.kill(running.pid, number)
        except ProcessLookupError:
            return
        except PermissionError as error:
            raise EmulatorError(
                f"the emulator (pid {running.pid}) belongs to another user; stop it as that user"
            ) from error
        if any(not running.is_held() for _ in until(patience_s)):
            reap(running.pid)
            return
    raise EmulatorError(f"the emulator (pid {running.pid}) does not end; see what holds it up, then kill it")
