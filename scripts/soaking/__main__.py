"""Soak the embedded emulator: a mixed load, faults, kill -9 again and again; every message is counted.

Exit status 0: nothing was lost and nothing came that must not. 1: something did, or the emulator ended by itself; its
directory is kept then. 2: interrupted before all could be drained, and nothing wrong was seen until then.
"""

import argparse
import logging
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from soaking.report import table
from soaking.soak import Plan, Soak

CHAOS = "duplicate=0.02,drop-ack=0.02,nack=0.02,delay=5ms,disconnect=0.01,unavailable=0.02"


def main() -> int:
    """Parse, soak, print."""
    given = _parse()
    data = given.data or Path(tempfile.mkdtemp(prefix="soak-"))
    data.mkdir(parents=True, exist_ok=True)
    logging.getLogger("google").addHandler(logging.FileHandler(data / "clients.log"))
    begun = time.monotonic()
    soak = Soak(
        Plan(given.minutes * 60, given.kill_every, given.chaos, given.rate, given.drain),
        data,
        lambda text: print(f"{time.monotonic() - begun:6.0f} s  {text}", file=sys.stderr, flush=True),
    )
    signal.signal(signal.SIGINT, lambda *_: soak.interrupt())
    signal.signal(signal.SIGTERM, lambda *_: soak.interrupt())
    soak.run()
    violations = soak.violations()
    print(table(soak, violations))
    if violations or soak.broken:
        print(f"the emulator's directory is kept: {data}", file=sys.stderr)
        return 1
    if given.data is None:
        shutil.rmtree(data)
    return 0 if soak.drained else 2


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10, help="how long to publish (default 10)")
    parser.add_argument("--kill-every", type=float, default=20, metavar="S", help="seconds between kills (default 20)")
    parser.add_argument("--chaos", default=CHAOS, metavar="FAULTS", help=f"faults (default {CHAOS})")
    parser.add_argument("--rate", type=float, default=100, help="messages a second to each topic (default 100)")
    parser.add_argument(
        "--drain", type=float, default=180, metavar="S", help="seconds to wait at the end (default 180)"
    )
    parser.add_argument("--data", type=Path, help="the emulator's directory; a temporary one unless given")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
