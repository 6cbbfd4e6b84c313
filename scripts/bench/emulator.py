"""Measure the embedded emulator beside Google's, with google-cloud-pubsub's own clients and with bare stubs.

python scripts/bench/emulator.py                     # all figures, 5 rounds; Google's emulator where it is installed
python scripts/bench/emulator.py --quick
python scripts/bench/emulator.py --only client bare --rounds 9 --json

In each round every emulator is started anew and measured, one after the other. The table has the medians of the rounds,
and of the rounds' ratios. A message that is lost, or a figure that takes too long, ends it with exit status 1.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from brokers import EMBEDDED, JAR, Server, contestants, start
from budgets import FIGURES, table
from clients import measure_clients, measure_latency
from figures import Results
from loads import Failure, Load
from stubs import measure_stubs
from waiting import measure_waiting

GROUPS = ("start", "latency", "client", "bare", "waiting")
QUICK = Load(messages=4_000, latencies=60, waiting=20_000)


def measure_server(server: Server, load: Load, groups: list[str]) -> dict[str, float]:
    """The figures of one emulator in one round; those by name."""
    found: dict[str, float] = {}
    if "start" in groups:
        found |= {"first-rpc": server.first_rpc_s, "idle-rss": server.idle_rss_mib()}
    if "latency" in groups:
        found |= measure_latency(server.address, load)
    if "client" in groups:
        found |= measure_clients(server.address, load)
    if "bare" in groups:
        found |= measure_stubs(server.address, load)
    return found


def measure_round(number: int, kinds: list[str], load: Load, groups: list[str], results: Results) -> None:
    """Measure each emulator once; who is first changes from round to round."""
    turn = number % len(kinds)
    for kind in kinds[turn:] + kinds[:turn]:
        with tempfile.TemporaryDirectory() as directory, start(kind, Path(directory), load.timeout_s) as server:
            of_kind = groups if kind in {EMBEDDED, JAR} else ["start"]
            try:
                results.add(kind, measure_server(server, load, of_kind))
            except Failure as failure:
                raise Failure(f"{kind}: {failure}") from failure


def measure(load: Load, rounds: int, groups: list[str], results: Results) -> None:
    """All rounds, and then what is measured once."""
    kinds = contestants(results.notes)
    if "start" not in groups:
        kinds = [kind for kind in kinds if kind in {EMBEDDED, JAR}]
    for number in range(rounds if set(groups) - {"waiting"} else 0):
        print(f"round {number + 1} of {rounds} ...", file=sys.stderr)
        measure_round(number, kinds, load, groups, results)
    if "waiting" in groups:
        for kind in kinds:
            print(f"messages waiting: {kind} ...", file=sys.stderr)
            measure_waiting(kind, load, results)


def parse() -> argparse.Namespace:
    """The command line."""
    usual = Load()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", nargs="+", choices=GROUPS, default=list(GROUPS), metavar="NAME", help=", ".join(GROUPS)
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one round of little, to see that all works")
    parser.add_argument("--messages", type=int, default=usual.messages, help="messages of each throughput figure")
    parser.add_argument("--size", type=int, default=usual.size, help="bytes of data in each")
    parser.add_argument("--latencies", type=int, default=usual.latencies, help="messages of the latency figures")
    parser.add_argument("--waiting", type=int, default=usual.waiting, help="messages of 1 KB that wait")
    parser.add_argument("--timeout", type=float, default=usual.timeout_s, help="seconds that one figure may take")
    parser.add_argument("--json", action="store_true", help="print JSON with the figures of every round")
    return parser.parse_args()


def main() -> int:
    """Measure and print."""
    given = parse()
    load = QUICK if given.quick else Load(given.messages, given.size, given.latencies, given.waiting, given.timeout)
    results = Results(FIGURES, EMBEDDED)
    try:
        measure(load, 1 if given.quick else given.rounds, given.only, results)
    except Failure as failure:
        print(f"failed: {failure}", file=sys.stderr)
        return 1
    print(json.dumps({"load": asdict(load), **results.as_json()}) if given.json else table(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
