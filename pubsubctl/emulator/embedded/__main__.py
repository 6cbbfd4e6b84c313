"""``python -m pubsubctl.emulator.embedded``: the broker as a process of its own."""

import argparse
import os
import sys
from pathlib import Path

from pubsubctl.emulator.embedded.chaos import EXAMPLE, Plan
from pubsubctl.emulator.embedded.process import serve_process
from pubsubctl.errors import EmulatorError, UsageError


def main() -> int:
    """Parse, serve, and say what is wrong in one line."""
    parser = argparse.ArgumentParser(prog="python -m pubsubctl.emulator.embedded", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="directory of the message log")
    parser.add_argument("--host-port", default="127.0.0.1:0", help="where to listen; port 0 takes a free one")
    parser.add_argument("--durability", choices=("full", "normal", "memory"), default="full")
    parser.add_argument("--chaos", default="off", metavar="FAULTS", help=f"faults to make, such as {EXAMPLE}")
    parser.add_argument("--ready-fd", type=int, help="file descriptor to write the address to, once RPCs are answered")
    given = parser.parse_args()
    try:
        serve_process(
            given.data,
            host_port=given.host_port,
            durability=given.durability,
            chaos=Plan.parse(given.chaos),
            on_ready=lambda address: _announce(address, given.ready_fd),
        )
    except (EmulatorError, UsageError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - this process has no other renderer
        return 1
    return 0


def _announce(address: str, ready_fd: int | None) -> None:
    if ready_fd is None:
        print(f"listening at {address}", flush=True)  # noqa: T201 - as above
        return
    os.write(ready_fd, f"{address}\n".encode())
    os.close(ready_fd)


if __name__ == "__main__":
    sys.exit(main())
