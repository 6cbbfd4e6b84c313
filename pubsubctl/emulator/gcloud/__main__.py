"""``python -m pubsubctl.emulator.gcloud``: Google's emulator under the eyes of a process of ours."""

import argparse
import os
import sys
from pathlib import Path

from pubsubctl.emulator.gcloud.process import PROJECT, serve_process
from pubsubctl.errors import EmulatorError


def main() -> int:
    """Parse, serve, and say what is wrong in one line."""
    parser = argparse.ArgumentParser(prog="python -m pubsubctl.emulator.gcloud", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="directory of the lock and of what gcloud writes")
    parser.add_argument("--host-port", default="127.0.0.1:0", help="where to listen; port 0 takes a free one")
    parser.add_argument("--project", default=PROJECT, help="project that gcloud is told")
    parser.add_argument("--ready-fd", type=int, required=True, help="file descriptor to write the address to")
    given = parser.parse_args()

    def announce(address: str) -> None:
        try:
            os.write(given.ready_fd, f"{address}\n".encode())
        except BrokenPipeError as error:
            raise EmulatorError("whoever was starting this emulator is gone, so nobody would know of it") from error
        os.close(given.ready_fd)

    try:
        serve_process(given.data, host_port=given.host_port, project=given.project, on_ready=announce)
    except EmulatorError as error:
        print(error, file=sys.stderr)  # noqa: T201 - this process has no other renderer
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
