"""A process that waits for changes, and prints how many jobs it sees after each."""

import sys

from pubsubctl.job import JobState
from pubsubctl.store.opening import open_store

with open_store(sys.argv[1]) as store, store.watch() as watch:
    print("watching", flush=True)
    seen = 0
    while seen < 10:
        if not watch.wait(30.0):
            sys.exit("nothing changed for 30 s")
        found = store.counts()[JobState.QUEUED]
        if found > seen:
            seen = found
            print(seen, flush=True)
