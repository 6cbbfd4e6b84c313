"""Break workers, children, the emulator, submitter and store again and again while jobs run; then balance the books.

At the end each job has exactly one result, the one that was meant for it; submitted = succeeded + failed + cancelled;
the dead letters are those that were exhausted; no job of an ordering key began before the one before it had ended. A
seed says which jobs there are and what is broken when; only the moment at which a process is in its work differs from
run to run.

Exit status 0: the books balance. 1: they do not; the folder, with the logs, is kept then.
"""

import argparse
import contextlib
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from wrecking.rampage import Rampage, Terms
from wrecking.report import report

FAULTS = "duplicate=0.2,drop-ack=0.1,nack=0.02,disconnect=0.002"


def main() -> int:
    """Parse, break, print."""
    given = _parse()
    # Whoever runs this in the background ignores it, and what we start would, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    results = [_run(given, given.seed + number) for number in range(given.repeat)]
    if given.repeat > 1:
        print(f"{results.count(True)} of {given.repeat} runs balance")
    return 0 if all(results) else 1


def _run(given: argparse.Namespace, seed: int) -> bool:
    folder = given.data or Path(tempfile.mkdtemp(prefix="wrecking-"))
    folder.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    terms = Terms(
        seed,
        given.jobs,
        given.workers,
        given.minutes * 60,
        given.every,
        given.lease,
        given.settle,
        given.chaos,
        given.exactly_once,
    )
    rampage = Rampage(
        terms, folder, lambda text: print(f"{time.monotonic() - begun:6.0f} s  {text}", file=sys.stderr, flush=True)
    )
    books = rampage.run()
    faults = books.audit()
    print(report(rampage, books, faults), flush=True)
    if faults:
        print(f"the folder is kept: {folder}", file=sys.stderr)
    elif given.data is None:
        with contextlib.suppress(OSError):
            shutil.rmtree(folder)
    return not faults


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=2000, help="how many jobs (default 2000)")
    parser.add_argument("--workers", type=int, default=3, help="how many workers, of two processes each (default 3)")
    parser.add_argument("--minutes", type=float, default=3, help="how long jobs come and things break (default 3)")
    parser.add_argument("--every", type=float, default=3, metavar="S", help="seconds between mishaps (default 3)")
    parser.add_argument("--lease", type=int, default=10, metavar="S", help="lease of a job, 10 to 600 (default 10)")
    parser.add_argument("--settle", type=float, default=300, metavar="S", help="seconds to end in (default 300)")
    parser.add_argument("--chaos", default=FAULTS, metavar="FAULTS", help=f"the emulator's faults (default {FAULTS})")
    parser.add_argument("--exactly-once", action="store_true", help="of a subscription with exactly-once delivery")
    parser.add_argument("--seed", type=int, default=1, help="of the jobs and the mishaps (default 1)")
    parser.add_argument("--repeat", type=int, default=1, help="how many runs, each with the next seed (default 1)")
    parser.add_argument("--data", type=Path, help="the project's folder; a temporary one unless given")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
