"""Run jobs on several hosts while the network between them is cut, delayed, made lossy and mended; balance the books.

The hosts are network namespaces of this machine: a submitter, a broker (the built-in emulator), PostgreSQL and workers,
one of which disappears for good while another joins. Their clocks are minutes apart. At the end each job must have
exactly one result, the one that was meant for it, and its submitter must have been given it once.

A seed says which jobs there are and what goes wrong when (`--plan` shows that). Nothing of the machine's own network is
touched, and nothing is left behind, not even by a run that was killed. Needs root, Linux, ip, libfaketime and the
programs of PostgreSQL.

Exit status 0: the books balance. 1: they do not; the folder, with the logs, is kept then. 2: this machine lacks
something.
"""

import argparse
import signal
import sys
import time

from partitioning import needs
from partitioning.leftovers import Claim, remove_abandoned
from partitioning.report import report
from partitioning.trial import Terms, Trial

FAULTS = "duplicate=0.05,drop-ack=0.05"


def main() -> int:
    """Parse, spoil, print."""
    given = _parse()
    terms = Terms(
        given.seed,
        given.jobs,
        given.seconds,
        given.every,
        given.workers,
        given.processes,
        given.lease,
        given.settle,
        given.chaos,
    )
    begun = time.monotonic()
    trial = Trial(terms, lambda text: print(f"{time.monotonic() - begun:6.0f} s  {text}", file=sys.stderr, flush=True))
    if given.plan:
        print("\n".join(f"{mishap.at_s:6.0f} s  {mishap}" for mishap in trial.plan))
        return 0
    if (lack := needs.missing()) is not None:
        print(f"scripts/hosts: {lack}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _interrupt)
    for name in remove_abandoned():
        print(f"removed what {name} had left", file=sys.stderr)
    return _run(trial, given.seed)


def _run(trial: Trial, seed: int) -> int:
    with Claim() as claim:
        try:
            found = trial.run(claim)
        except KeyboardInterrupt:
            return 130
        except BaseException:
            claim.keep_folder()
            print(f"the folder is kept: {claim.folder}", file=sys.stderr)
            raise
        faults = found.books.audit()
        print(report(seed, trial.plan, found, faults), flush=True)
        if faults:
            claim.keep_folder()
            print(f"the folder is kept: {claim.folder}", file=sys.stderr)
    return 1 if faults else 0


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/hosts", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=5000, help="how many jobs (default 5000)")
    parser.add_argument("--seconds", type=float, default=240, help="how long jobs come and links are spoilt (240)")
    parser.add_argument("--every", type=float, default=5, metavar="S", help="seconds between mishaps (default 5)")
    parser.add_argument("--workers", type=int, default=3, help="hosts with workers at the beginning (default 3)")
    parser.add_argument("--processes", type=int, default=4, help="processes of each worker (default 4)")
    parser.add_argument("--lease", type=int, default=15, metavar="S", help="lease of a job, 10 to 600 (default 15)")
    parser.add_argument("--settle", type=float, default=120, metavar="S", help="seconds without progress (default 120)")
    parser.add_argument("--chaos", default=FAULTS, metavar="FAULTS", help=f"the emulator's faults (default {FAULTS})")
    parser.add_argument("--seed", type=int, default=1, help="of the jobs and the mishaps (default 1)")
    parser.add_argument("--plan", action="store_true", help="show what would go wrong when, and do nothing")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
