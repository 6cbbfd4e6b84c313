"""The process that is copied, see ``warm_copies``: imports everything, then makes copies of itself when it is asked."""

import gc
import importlib
import io
import json
import os
import pkgutil
import runpy
import socket
import sys
from typing import Any

STREAMS = 3


def main() -> None:
    """Make copies until nobody can ask any more; in a copy, run what was asked for."""
    line = socket.socket(fileno=int(sys.argv[1]))
    _import_all()
    gc.collect()
    gc.freeze()
    line.sendall((1).to_bytes(4, "big"))
    while (wanted := _wanted(line)) is not None:
        request, streams = wanted
        if _is_copy(line, streams):
            line.close()
            _become(request, streams)
            runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
            return
        for one in streams:
            os.close(one)


def _import_all() -> None:
    import pubsubctl

    for module in pkgutil.walk_packages(pubsubctl.__path__, "pubsubctl."):
        if not module.name.endswith("__main__"):
            try:
                importlib.import_module(module.name)
            except ImportError:  # of an extra that is not installed
                continue


def _wanted(line: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    head, streams, _, _ = socket.recv_fds(line, 4, STREAMS)
    if not head:
        return None
    return json.loads(line.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL)), list(streams)


def _is_copy(line: socket.socket, streams: list[int]) -> bool:
    """Fork twice: who asked becomes the parent of the copy, as the process between them ends."""
    reading, writing = os.pipe()
    between = os.fork()
    if between:
        os.close(writing)
        os.waitpid(between, 0)
        line.sendall(os.read(reading, 4) or bytes(4))
        os.close(reading)
        return False
    copy = os.fork()
    if copy:
        os.write(writing, copy.to_bytes(4, "big"))
        os._exit(0)
    os.close(reading)
    os.close(writing)
    return True


def _become(request: dict[str, Any], streams: list[int]) -> None:
    """Be as a process is that was started afresh."""
    if request["session"]:
        os.setsid()
    for number, one in enumerate(streams):
        os.dup2(one, number)
    for one in streams:
        os.close(one)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    places = request["environment"].get("PYTHONPATH", "")
    first = [] if request["safe_path"] else [request["cwd"]]
    sys.path[:0] = first + [place for place in places.split(os.pathsep) if place]
    sys.argv[1:] = request["arguments"]
    sys.dont_write_bytecode = bool(request["environment"].get("PYTHONDONTWRITEBYTECODE"))
    at_once = bool(request["environment"].get("PYTHONUNBUFFERED"))
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(open(0, "rb", closefd=False))  # noqa: SIM115
    sys.stdout = sys.__stdout__ = _output(1, write_through=at_once)
    sys.stderr = sys.__stderr__ = _output(2, write_through=at_once, errors="backslashreplace", line_buffering=True)


def _output(descriptor: int, *, write_through: bool, **how: Any) -> io.TextIOWrapper:
    file = open(descriptor, "wb", buffering=0 if write_through else -1, closefd=False)  # noqa: SIM115
    return io.TextIOWrapper(file, write_through=write_through, **how)


if __name__ == "__main__":
    main()
