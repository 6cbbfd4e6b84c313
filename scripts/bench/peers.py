"""Measure the whole path of pubsubctl beside Celery, RQ and Dramatiq on Redis.

python scripts/bench/peers.py                        # all contestants that can run here, 5 rounds
python scripts/bench/peers.py --quick
python scripts/bench/peers.py --only pubsubctl celery --rounds 9
python scripts/bench/peers.py --redis-durable        # the peers once more, on a Redis that loses nothing either
python scripts/bench/peers.py --json --picture peers.svg > peers.json
python scripts/bench/peers.py --from peers.json --picture peers.svg       # shows it again, and measures nothing

In each round every contestant is started anew (Redis too) and measured, one after the other; who is first changes. The
table has the medians of the rounds, and of the rounds' ratios. What is measured, with a job that does nothing:

- many jobs, from the first submit until the client has read the last result; what CPU time that took, and memory;
- one job after another, each from its submit until its result is read.

The job of the peers is a function that returns a short text. That of pubsubctl returns the same text from a Flask app,
as the response to a whole HTTP request. How fast that app is by itself, called through WSGI in one process, is measured
too. All have the same number of processes that run jobs. Redis has its default configuration, so its promise is to have
written what was a minute ago, where pubsubctl has written each job and result before it says so; ``--redis-durable``
adds the peers on a Redis which does that too.

Each peer is tuned as its own documentation advises for very short jobs, and by trying what is fastest on two cores; the
notes below the table say how. Slow ones get fewer jobs, such that a round takes no minutes: compare the rates.

Each job has a number, and its result must be that number's, come in time, and come once. A job of which that is not so
ends the run with exit status 1.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from figures import Results
from loads import Failure
from racing import interrupts
from racing.contestant import Contestant
from racing.line_up import CONTESTANTS, OURS, lacks
from racing.noop import FAULTS, VARIABLE
from racing.picture import draw
from racing.race import Heat, race
from racing.saved import measured, saved
from racing.table import BARE, FIGURES, table
from racing.with_pubsubctl import APP

from pubsubctl.bench.calling import alone
from pubsubctl.exchange import Request

QUICK = Heat(jobs=500, singles=20)


def chosen(only: Sequence[str] | None, *, durable: bool, notes: list[str]) -> list[Contestant]:
    """Those that take part; why another cannot goes to ``notes``.

    Raises:
        Failure: one that was asked for by name cannot.
    """
    if only:
        wanted = [CONTESTANTS[name] for name in only]
    else:
        wanted = [each for each in CONTESTANTS.values() if each.usual or durable]
    able = []
    for contestant in wanted:
        missing = lacks(contestant)
        if missing is None:
            able.append(contestant)
            notes.append(f"{contestant.name}: {contestant.tuned}.")
        elif only:
            raise Failure(f"{contestant.name} cannot be measured here; install what it needs: {missing}")
        else:
            notes.append(f"{contestant.name}: not measured; install what it needs: {missing}.")
    return able


def measure(contestants: Sequence[Contestant], rounds: int, heat: Heat, results: Results) -> None:
    """All rounds.

    Raises:
        Failure: a contestant lost a job.
    """
    for number in range(rounds):
        print(f"round {number + 1} of {rounds} ...", file=sys.stderr)
        results.add(BARE, {"rate": alone(APP, Request.of("GET", "/7"), seconds=1.0, limit_s=None).rate})
        turn = number % len(contestants)
        for contestant in [*contestants[turn:], *contestants[:turn]]:
            with interrupts.undisturbed(tempfile.TemporaryDirectory(prefix="racing-")) as folder:
                try:
                    found = race(contestant, Path(folder), heat)
                except Failure as failure:
                    raise Failure(f"{contestant.name}: {failure}") from failure
            print(f"  {contestant.name}: {found['rate']:,.0f} jobs/s, p50 {found['p50']:.1f} ms", file=sys.stderr)
            results.add(contestant.name, found)


def parse() -> argparse.Namespace:
    """The command line."""
    usual = Heat()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, metavar="NAME", help=", ".join(CONTESTANTS))
    parser.add_argument("--redis-durable", action="store_true", help="also the peers on a durable Redis")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one round of little, to see that all works")
    parser.add_argument("--jobs", type=int, default=usual.jobs, help="of the throughput figure; slow ones get fewer")
    parser.add_argument("--singles", type=int, default=usual.singles, help="jobs of the latency figures")
    parser.add_argument("--processes", type=int, default=usual.processes, help="that run jobs, of each contestant")
    parser.add_argument("--timeout", type=float, default=usual.timeout_s, help="seconds that one figure may take")
    parser.add_argument("--fault", metavar="WHAT:NUMBER", help=f"have a job go wrong: {', '.join(FAULTS)}")
    parser.add_argument("--json", action="store_true", help="print JSON with the figures of every round")
    parser.add_argument("--picture", type=Path, metavar="FILE.svg", help="draw throughput and latency")
    parser.add_argument("--from", dest="source", type=Path, metavar="FILE.json", help="show what --json printed before")
    return parser.parse_args()


def prepare(fault: str | None) -> None:
    """What the processes that we start find in their environment."""
    here = str(Path(__file__).parent)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
    if fault:
        os.environ[VARIABLE] = fault


def run(given: argparse.Namespace) -> dict[str, Any]:
    """Measure.

    Raises:
        Failure: a contestant lost a job, or cannot be measured.
    """
    heat = QUICK if given.quick else Heat(given.jobs, given.singles, given.processes, given.timeout)
    rounds = 1 if given.quick else given.rounds
    results = Results(FIGURES, OURS)
    contestants = chosen(given.only, durable=given.redis_durable, notes=results.notes)
    measure(contestants, rounds, heat, results)
    return saved(results, contestants, heat, rounds)


def main() -> int:
    """Measure, print, draw."""
    given = parse()
    prepare(given.fault)
    interrupts.install()
    try:
        everything = json.loads(given.source.read_text()) if given.source else run(given)
    except Failure as failure:
        print(f"failed: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    print(json.dumps(everything) if given.json else table(measured(everything)))
    if given.picture:
        given.picture.write_text(draw(everything))
    return 0


if __name__ == "__main__":
    sys.exit(main())
