"""A local emulator as a daemon of one ``.pubsubctl`` directory: start it, find it, stop it.

``emulator.json`` says which process serves where; without it, the lock on the message log in its usual place does.
That it still does is known by that lock, which goes with the process however it ends: a pid alone may have been given
to another process since. No gRPC in here: whoever asks what runs should not wait for it to be imported.
"""

import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pubsubctl.errors import EmulatorError, UsageError
from pubsubctl.state import State

LOOPBACK = "127.0.0.1"
LAST_PORT = 65_535
CONNECT_TIMEOUT_S = 1.0
POLL_S = 0.02


@dataclass(frozen=True)
class Running:
    """An emulator that runs: ``address`` is host:port, ``started`` whether the call that returned this started it."""

    pid: int
    address: str
    broker: str = "embedded"
    started: bool = False


def start(
    state: State, *, host_port: str | None = None, data_dir: Path | None = None, timeout_s: float = 10
) -> Running:
    """Start the emulator of ``state`` as a daemon, or find it running.

    Args:
        state: whose emulator.
        host_port: where to listen; unless given, on 127.0.0.1 at the port of the last run, or else at a free one.
        data_dir: where the message log is, or will be; unless given, in the state directory.
        timeout_s: how long it may take until RPCs are answered.

    Raises:
        UsageError: ``host_port`` is no host and port.
        EmulatorError: it does not start (the text has the last line of its log), or one runs already, elsewhere than
            asked for.
    """
    _check_host_port(host_port)
    state.create()
    with state.lock("emulator"):
        running = find(state)
        if running is not None:
            _check_same(state, running, host_port, data_dir)
            return running
        data = (data_dir or state.directory).resolve()
        return _launch(state, data, host_port or _usual_address(data), timeout_s)


def find(state: State) -> Running | None:
    """The emulator that runs for ``state``, if one does and accepts connections."""
    known = _known(state)
    if not _is_held(known):
        return None
    running = Running(pid=known["pid"], address=known["address"], broker=known.get("broker", "embedded"))
    return running if _accepts(running.address) else None


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
        known = _known(state)
        held = _is_held(known)
        if held:
            _end(known, timeout_s)
        state.emulator_json.unlink(missing_ok=True)
        return held


def serve_foreground(
    state: State,
    *,
    host_port: str | None = None,
    data_dir: Path | None = None,
    durability: str = "full",
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Be the emulator of ``state`` in this process until SIGTERM or SIGINT; call from the main thread.

    Args:
        state: whose emulator.
        host_port: as for ``start``.
        data_dir: as for ``start``.
        durability: ``full``, ``normal`` or ``memory``.
        on_ready: called with the address once RPCs are answered.

    Raises:
        EmulatorError: one runs already, or it cannot be started.
    """
    from pubsubctl.emulator.embedded.process import serve_process

    _check_host_port(host_port)
    state.create()
    data = (data_dir or state.directory).resolve()

    def ready(address: str) -> None:
        _record(state, os.getpid(), address, data)
        if on_ready:
            on_ready(address)

    running = find(state)
    if running is not None:
        raise EmulatorError(f"an emulator (pid {running.pid}) serves at {running.address} already; stop it first")
    try:
        serve_process(data, host_port=host_port or _usual_address(data), durability=durability, on_ready=ready)
    finally:
        _forget(state, os.getpid())


# Starting


def _check_host_port(host_port: str | None) -> None:
    host, _, port = (host_port or f"{LOOPBACK}:0").rpartition(":")
    if not host or not port.isdecimal() or int(port) > LAST_PORT:
        raise UsageError(f"--host-port must be HOST:PORT, such as 127.0.0.1:8085, not {host_port!r}")


def _check_same(state: State, running: Running, host_port: str | None, data_dir: Path | None) -> None:
    """That the emulator that runs is the one that was asked for."""
    known = _known(state)
    elsewhere = host_port is not None and not host_port.endswith(":0") and host_port != running.address
    if elsewhere or (data_dir is not None and str(data_dir.resolve()) != known.get("data_dir")):
        raise EmulatorError(
            f"an emulator runs already at {running.address} (data in {known.get('data_dir')}); "
            "stop it first with `pubsubctl emulator stop`"
        )


def _launch(state: State, data: Path, host_port: str, timeout_s: float) -> Running:
    """Start the process, detached, wait until it says that it serves, and record it; or else leave none behind."""
    printed = state.emulator_log.stat().st_size if state.emulator_log.exists() else 0
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as ready:
        try:
            pid = _spawn(data, host_port, log=state.emulator_log, ready=writing)
        finally:
            os.close(writing)
        try:
            address = _wait_ready(ready, state.emulator_log, printed, timeout_s)
            _record(state, pid, address, data)
        except BaseException:
            os.kill(pid, signal.SIGKILL)
            _reap(pid)
            raise
    return Running(pid=pid, address=address, started=True)


def _spawn(data: Path, host_port: str, *, log: Path, ready: int) -> int:
    """A process in a session of its own, which nothing here has to wait for."""
    # -P: a file of the user's that is named like a module must not be imported in its stead.
    command = [sys.executable, "-P", "-m", "pubsubctl.emulator.embedded"]
    command += ["--data", str(data), "--host-port", host_port, "--ready-fd", str(ready)]
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=(ready,),
        )
    process.returncode = 0  # It is meant to outlive this process, which Popen would warn of.
    return process.pid


def _wait_ready(ready: IO[bytes], log: Path, printed: int, timeout_s: float) -> str:
    """The address that the process writes once it serves.

    Raises:
        EmulatorError: it ended, or took too long.
    """
    readable, _, _ = select.select([ready], [], [], timeout_s)
    address = ready.read(1_000).decode().strip() if readable else ""
    if not address:
        happened = "it ended at once" if readable else f"it took more than {timeout_s:g} s"
        reason = _last_line(log, printed) or f"{happened}, and printed nothing to {log}{_room(log)}"
        raise EmulatorError(f"the emulator did not start: {reason}")
    return address


def _usual_address(data: Path) -> str:
    """Where the last run listened, so that its clients find this one; with port 0 if that is taken."""
    address = _lock_content(data).get("address")
    if isinstance(address, str) and address.startswith(f"{LOOPBACK}:") and _is_free(address):
        return address
    return f"{LOOPBACK}:0"


def _is_free(address: str) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(_host_and_port(address))
        except OSError:
            return False
        return True


def _last_line(log: Path, start: int) -> str:
    """The last line that was printed after the first ``start`` bytes; empty if there is none."""
    lines = log.read_bytes()[start:].decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def _room(log: Path) -> str:
    return "" if os.statvfs(log).f_bavail else "; its disk is full: make room"


# Finding


def _lock_path(data: Path) -> Path:
    return data / "broker.db.lock"


def _lock_content(data: Path) -> dict[str, Any]:
    try:
        content = json.loads(_lock_path(data).read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _known(state: State) -> dict[str, Any]:
    """What emulator.json says; where it is missing or damaged, what the lock of the usual message log says."""
    known = state.read_json(state.emulator_json) or {}
    if _is_complete(known):
        return known
    data = state.directory.resolve()
    return {**_lock_content(data), "data_dir": str(data)}


def _is_complete(known: dict[str, Any]) -> bool:
    kinds = {"pid": int, "address": str, "data_dir": str}
    return all(isinstance(known.get(key), kind) for key, kind in kinds.items())


def _is_held(known: dict[str, Any]) -> bool:
    """Whether the process that ``known`` names is there and is the emulator."""
    if not _is_complete(known):
        return False
    data = Path(known["data_dir"])
    try:
        file = os.open(_lock_path(data), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return bool(_lock_content(data).get("pid") == known["pid"])
    finally:
        os.close(file)
    return False


def _accepts(address: str) -> bool:
    try:
        socket.create_connection(_host_and_port(address), CONNECT_TIMEOUT_S).close()
    except OSError:
        return False
    return True


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


# Recording and stopping


def _record(state: State, pid: int, address: str, data: Path) -> None:
    state.write_json(state.emulator_json, {"pid": pid, "address": address, "broker": "embedded", "data_dir": str(data)})


def _forget(state: State, pid: int) -> None:
    known = state.read_json(state.emulator_json)
    if known is not None and known.get("pid") == pid:
        state.emulator_json.unlink(missing_ok=True)


def _end(known: dict[str, Any], timeout_s: float) -> None:
    """SIGTERM, and SIGKILL if that does not end it in time."""
    for number, patience_s in ((signal.SIGTERM, timeout_s), (signal.SIGKILL, CONNECT_TIMEOUT_S)):
        try:
            os.kill(known["pid"], number)
        except ProcessLookupError:
            return
        except PermissionError as error:
            raise EmulatorError(
                f"the emulator (pid {known['pid']}) belongs to another user; stop it as that user"
            ) from error
        if any(not _is_held(known) for _ in _until(patience_s)):
            _reap(known["pid"])
            return
    raise EmulatorError(f"the emulator (pid {known['pid']}) does not end; see what holds it up, then kill it")


def _until(timeout_s: float) -> Iterator[None]:
    give_up = time.monotonic() + timeout_s
    while time.monotonic() < give_up:
        yield
        time.sleep(POLL_S)


def _reap(pid: int) -> None:
    """Collect the process if it is a child of this one, or it would stay a zombie."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
