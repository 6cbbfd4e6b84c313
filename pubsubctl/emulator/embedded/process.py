"""The broker as what a process does until it is told to end."""

import asyncio
import contextlib
import gc
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from pubsubctl.emulator.embedded.chaos import Chaos, Plan
from pubsubctl.emulator.embedded.serve import Serving

SWITCH_INTERVAL_S = 0.0005
WATCH_S = 2.0
FILES = 65_536


def serve_process(
    data_dir: Path,
    *,
    host_port: str,
    durability: str = "full",
    chaos: Plan | None = None,
    on_ready: Callable[[str], None],
) -> None:
    """Serve until SIGTERM or SIGINT; to be called from the main thread.

    Args:
        data_dir: where the message log is, or will be.
        host_port: where to listen; port 0 takes a free one.
        durability: ``full``, ``normal`` or ``memory``.
        chaos: faults to begin with.
        on_ready: called with the address once RPCs are answered.

    Raises:
        EmulatorError: it cannot be started, or its data directory was removed.
    """
    _tune()
    asyncio.run(_serve(data_dir, host_port, durability, Chaos(chaos), on_ready))


async def _serve(
    data_dir: Path, host_port: str, durability: str, faults: Chaos, on_ready: Callable[[str], None]
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    serving = await Serving.start(
        data_dir, host_port=host_port, durability=durability, faults=faults, on_shutdown=stop.set
    )
    if faults.plan.is_eventful:
        print(f"making faults: {faults.plan}", file=sys.stderr, flush=True)  # noqa: T201 - for whoever starts it
    on_ready(serving.address)
    try:
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), WATCH_S)
            serving.check_files()
    finally:
        await serving.stop()


def _tune() -> None:
    """Let the log's thread have the interpreter sooner than after the usual 5 ms, and the collector run less often.

    A gRPC connection takes three files, so that the usual 1,024 would be used up by a few hundred clients.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(soft, FILES) if hard == resource.RLIM_INFINITY else max(soft, min(FILES, hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
