"""A process that writes groups without end and tells the number of each once it is durable."""

import itertools
import sys

from given import a_claim, a_job, an_outcome

from pubsubctl.store.opening import open_store

with open_store(sys.argv[1]) as store:
    for number in itertools.count():
        ids = [f"{number}-{part}" for part in range(6)]
        with store.group():
            for pair in (ids[:3], ids[3:]):
                store.add([a_job(job_id) for job_id in pair])
                store.claim([a_claim(job_id) for job_id in pair])
                store.record([an_outcome(job_id) for job_id in pair])
        print(number, flush=True)
