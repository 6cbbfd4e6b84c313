"""How fast the store is: jobs per second through each of its calls, and what asking costs once it is full.

python scripts/bench/store.py                       # a temporary file
python scripts/bench/store.py --rows 1000000
python scripts/bench/store.py --profile 100         # where the time goes at a batch size of 100
"""

import argparse
import cProfile
import json
import pstats
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from lives import RESPONSE, TOPIC, Timer, batches, claim_of, lives

from pubsubctl.job import JobState
from pubsubctl.store.base import Store
from pubsubctl.store.claims import Claim, Claimed, Outcome
from pubsubctl.store.opening import open_store

STEPS = ("add", "published", "claim", "record")


def grouped(store: Store, count: int, size: int, timer: Timer) -> None:
    """The same, with the record of one batch and the claim of the next in one group, as a worker writes them."""
    before: list[Claimed] = []

    def step(claims: list[Claim]) -> None:
        nonlocal before
        with store.group():
            store.record([Outcome(c.job_id, c.attempt, JobState.SUCCEEDED, response=RESPONSE) for c in before])
            before = [each for each in store.claim(claims) if isinstance(each, Claimed)]

    waiting = list(batches(count, size))
    for jobs in waiting:
        store.add(jobs)
    for jobs in waiting:
        claims = [claim_of(job) for job in jobs]
        timer("claim+record", lambda claims=claims: step(claims))
    step([])


def asking(store: Store) -> dict[str, float]:
    """Milliseconds that a question takes."""
    batch_id = store.find(limit=1).jobs[0].batch_id
    questions: dict[str, Callable[[], object]] = {
        "counts": store.counts,
        "counts of a batch": lambda: store.counts(batch_id),
        "find 100": store.find,
        "find 100 failed": lambda: store.find(states=[JobState.FAILED]),
        "find 100 of a batch": lambda: store.find(batch_id=batch_id),
        "get 1": lambda: store.get([store.find(limit=1).jobs[0].id]),
        "sweep": lambda: store.sweep(TOPIC, limit=100, max_crashes=10),
    }
    answer = {}
    for name, ask in questions.items():
        began = time.perf_counter()
        ask()
        answer[name] = round((time.perf_counter() - began) * 1000, 2)
    return answer


def measure(folder: Path, size: int, count: int) -> dict[str, object]:
    """Jobs per second at one batch size, on a fresh store."""
    with open_store(str(folder / f"{size}.db")) as store:
        lives(store, 2 * size, size, Timer())
        timer, together = Timer(), Timer()
        lives(store, count, size, timer)
        grouped(store, count, size, together)
    rates = {step: round(count / timer.wall[step]) for step in STEPS}
    return {
        "batch": size,
        **rates,
        "all four": round(count / sum(timer.wall.values())),
        "all four, per CPU second": round(count / timer.cpu),
        "claim+record in a group": round(count / together.wall["claim+record"]),
    }


def fill(store: Store, rows: int) -> None:
    """Bring the store to ``rows`` finished jobs."""
    lives(store, rows, 5000, Timer())


def main() -> None:
    """Measure, and print a JSON line for each result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where the files go; a temporary folder unless given")
    parser.add_argument("--batch", type=int, nargs="*", default=[1, 10, 100, 1000], help="batch sizes")
    parser.add_argument("--count", type=int, default=20000, help="jobs at most for each batch size")
    parser.add_argument("--rows", type=int, default=100_000, help="jobs in the store when it is asked; 0 skips that")
    parser.add_argument("--profile", type=int, metavar="BATCH", help="profile one batch size instead")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        if options.profile:
            with open_store(str(folder / "jobs.db")) as store, cProfile.Profile() as profile:
                lives(store, options.count, options.profile, Timer())
            pstats.Stats(profile, stream=sys.stdout).sort_stats("tottime").print_stats(25)
            return
        for size in options.batch:
            print(json.dumps(measure(folder, size, min(options.count, 1000 * size))), flush=True)
        if options.rows:
            with open_store(str(folder / "full.db")) as store:
                fill(store, options.rows)
                print(json.dumps({"rows": options.rows, "milliseconds": asking(store)}))


if __name__ == "__main__":
    main()
