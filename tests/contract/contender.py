"""A process whose threads claim and record jobs that others claim too; prints what it was granted.

A third of the claims have a lease that ends at once: their worker counts as frozen, is overtaken, and records late.
A group that others were quicker than is made again, as a worker does; what it was told before that counts for nothing.
"""

import json
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from given import a_claim, an_outcome

from pubsubctl.errors import StoreBusy
from pubsubctl.exchange import Response
from pubsubctl.store.claims import Claim, Claimed, Refused
from pubsubctl.store.opening import open_store

url, name, jobs, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
granted: list[tuple[str, int, str]] = []
recorded: list[tuple[str, int, str]] = []


def contend(worker_id: str) -> None:
    """Ask for every job, and for each fourth once more, in an order of one's own."""
    chance = random.Random(worker_id)
    ids = [f"job-{number}" for number in range(jobs)]
    ids += chance.sample(ids, jobs // 4)
    chance.shuffle(ids)
    late: list[tuple[str, int, str]] = []
    for start in range(0, len(ids), 50):
        part = ids[start : start + 50]
        leases = [chance.choice([0.0, 600.0, 600.0]) for _ in part]
        claims = [
            a_claim(job_id, lease_s=lease_s, worker_id=worker_id, message_id=f"{worker_id}-{job_id}", max_crashes=10**6)
            for job_id, lease_s in zip(part, leases, strict=True)
        ]
        answers = record_and_claim(late, claims)
        late = []
        for answer, lease_s in zip(answers, leases, strict=True):
            if isinstance(answer, Claimed):
                mine = (answer.job_id, answer.attempt, worker_id)
                granted.append(mine)
                late.append(mine)
                if lease_s and chance.random() < 0.5:
                    recorded.extend(record([late.pop()]))
    recorded.extend(record(late))


def record_and_claim(late: list[tuple[str, int, str]], claims: list[Claim]) -> list[Claimed | Refused]:
    """Record what is late and claim what is next, in one group."""
    while True:
        with suppress(StoreBusy):
            with store.group():
                current = record(late)
                answers = store.claim(claims)
            recorded.extend(current)
            return answers


def record(attempts: list[tuple[str, int, str]]) -> list[tuple[str, int, str]]:
    """Record attempts, each with a response that says whose it is; returns those that are the jobs' results."""
    outcomes = [an_outcome(job_id, n, response=Response(200, (), f"{who} {n}".encode())) for job_id, n, who in attempts]
    return [attempt for attempt, current in zip(attempts, store.record(outcomes), strict=True) if current]


with open_store(url) as store, ThreadPoolExecutor(max(1, threads)) as pool:
    sys.stdin.readline()
    for ended in [pool.submit(contend, f"{name}-{number}") for number in range(threads)]:
        ended.result()
print(json.dumps({"store_id": store.store_id, "granted": granted, "recorded": recorded}))
