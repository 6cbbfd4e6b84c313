"""Measure how the cost of a job grows: with slots, with its size, with how many wait, with how many there ever were.

python scripts/bench/growth.py                            # every curve, up to 100,000 jobs
python scripts/bench/growth.py --quick
python scripts/bench/growth.py --most 1000000             # up to a million
python scripts/bench/growth.py --only waiting memory
python scripts/bench/growth.py --store postgresql://...   # instead of SQLite; several are measured one after another
python scripts/bench/growth.py --json --picture growth.svg > growth.json
python scripts/bench/growth.py --from growth.json million.json --picture growth.svg    # shows it, and measures nothing

The curves of the whole path, each point in a project, with a worker and a client process of its own:

- slots: jobs that do nothing, at 1, 2, 4 and 8 slots: 1, 2, 2 and 2 processes with 1, 1, 2 and 4 threads;
- sleeping: jobs that sleep for 5 ms, at the same;
- body: a request, and a response, of 1, 10 and 100 KB;
- waiting: 1 to 100,000 jobs waiting. More than 1,000 are published before the worker starts; there are some more, which
  warm it up and are not counted; the rate is that at which the rest is run and read. Up to 1,000 come at once to a
  worker that runs, again and again;
- memory: 1,000 to 1,000,000 jobs in one run, of which the client has at most 4,000 under way.

Of each of them: jobs a second, and CPU time a job of the client, the worker's parent, its children and the emulator. Of
memory: the most resident memory that each of them had.

- asking: what status, a job, the counts and a page of jobs take, with 1,000 to 1,000,000 jobs in the store; and what
  it takes to add, claim, record and purge some;
- cold: what commands take, from their start to their end, each in a process of its own.

Each job has a number, and its result must be that number's, come in time, and come once; in the store all of them must
have succeeded. What is asked must be answered right. Where that is not so the run ends with exit status 1.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from functools import reduce
from pathlib import Path

from growing import asking, cold
from growing.curves import CURVES, Load
from growing.findings import Findings, Found, Measured, here
from growing.picture import draw
from growing.stores import BACKENDS, Backend, named
from growing.table import figures_of, shown, table
from loads import Failure
from racing import interrupts
from racing.noop import FAULTS, VARIABLE

from pubsubctl.errors import PubsubctlError

QUICK = Load(jobs=300, lots=1, most=1_000, times=1, timeout_s=60.0)
NAMES = (*CURVES, "asking", "cold")


def measure(backend: Backend, only: Sequence[str], load: Load) -> Iterator[Measured]:
    """The curves on one store.

    Raises:
        Failure: a job was lost, or something was answered wrong.
    """
    for name in only:
        if name in CURVES:
            curve = CURVES[name](load)
            found = Measured(name, curve.title, curve.along, backend.title)
            points = ((each.at, each.label, each.measure(backend, load.timeout_s)) for each in curve.points)
        elif name == "asking":
            found = Measured(name, "asking, with so many jobs in the store", "jobs", backend.title)
            points = ((rows, f"{rows:,}", values) for rows, values in asking.measure(backend, load))
        else:
            found = Measured(name, "commands, cold", "", backend.title)
            points = ((0, "", cold.measure(backend, load)) for _ in range(1))
        try:
            for at, label, values in points:
                found.points.append(Found(at, label, values))
                _tell(found)
        except (Failure, PubsubctlError) as failure:
            raise Failure(f"{name}: {failure}") from failure
        if found.points:  # none, where already the first one is beyond the most
            yield found


def _tell(curve: Measured) -> None:
    """The latest point, for who waits."""
    first = figures_of(curve)[0]
    latest = curve.points[-1]
    value = shown(first, latest.values[first.name])
    print(f"  {curve.name} {latest.label}: {first.title} {value:,.{first.digits}f} {first.unit}", file=sys.stderr)


def parse() -> argparse.Namespace:
    """The command line."""
    usual = Load()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, metavar="CURVE", help=", ".join(NAMES))
    parser.add_argument("--store", action="append", metavar="URL", help="one to be measured, empty; may be repeated")
    parser.add_argument("--quick", action="store_true", help="little of everything, to see that all works")
    parser.add_argument("--jobs", type=int, default=usual.jobs, help="of one lot; slow ones get fewer")
    parser.add_argument("--lots", type=int, default=usual.lots, help="lots of them, of which the median counts")
    parser.add_argument("--most", type=int, default=usual.most, help="jobs that wait, ever were, or are in the store")
    parser.add_argument("--times", type=int, default=usual.times, help="runs of a command, of which the median counts")
    parser.add_argument("--timeout", type=float, default=usual.timeout_s, help="seconds that one lot may take")
    parser.add_argument("--fault", metavar="WHAT:NUMBER", help=f"have a job go wrong: {', '.join(FAULTS)}")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--picture", type=Path, metavar="FILE.svg", help="draw the curves")
    parser.add_argument(
        "--from", dest="sources", type=Path, nargs="+", metavar="FILE.json", help="show what --json printed before"
    )
    return parser.parse_args()


def prepare(fault: str | None) -> None:
    """What the processes that we start find in their environment."""
    here_ = str(Path(__file__).parent)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [here_, os.environ.get("PYTHONPATH")]))
    if fault:
        os.environ[VARIABLE] = fault


def run(given: argparse.Namespace) -> Findings:
    """Measure.

    Raises:
        Failure: a job was lost, or something was answered wrong.
    """
    load = QUICK if given.quick else Load(given.jobs, given.lots, given.most, given.times, given.timeout)
    backends = [named(url) for url in given.store or ()] or BACKENDS
    lots = f"median of {load.lots} lots" if load.lots > 1 else "one lot"
    findings = here(f"jobs in the thousands, {lots}")
    for backend in backends:
        print(f"{backend.title} ...", file=sys.stderr)
        findings.curves.extend(measure(backend, given.only, load))
    return findings


def saved(sources: Sequence[Path]) -> Findings:
    """What was measured before; a curve that is in several files is that of the last one."""
    return reduce(Findings.updated, (Findings.of_json(json.loads(source.read_text())) for source in sources))


def main() -> int:
    """Measure, print, draw."""
    given = parse()
    prepare(given.fault)
    interrupts.install()
    try:
        found = saved(given.sources) if given.sources else run(given)
    except (Failure, PubsubctlError) as failure:
        print(f"failed: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    print(json.dumps(found.as_json()) if given.json else table(found))
    if given.picture:
        given.picture.write_text(draw(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
