"""The store on Cloud Firestore: ``firestore://PROJECT/DATABASE``. A cloud project runs no server of its own with it.

**One small document a job**, in ``pubsubctl-jobs``. It holds what a row of the SQL store does, its request, its
response and its events: Firestore bills by the document, whatever its size, and a step writes only the fields that it
changes and reads all but the bodies. So a body costs no read and no write of its own until it is over
``bodies.INLINE_BYTES``; then it lies in documents of ``pubsubctl-bodies``, written ahead of the job's document, which
names them. A refused outcome leaves nothing behind that anybody could take for a result.

**Preconditions, not transactions.** A call reads documents, decides with the same pure functions as the SQL store
(``deciding``, ``ending``, ``newcomers``, ...), and commits with, for each document, the condition that it is as it was
read. Whoever loses a race reads again and decides again; some other has made progress then, so nobody waits for ever
for a lock of somebody who has died. Firestore's own transactions lock what is read, and two that have read one document
wait for each other at the commit.

**Groups** lock, as far as that is needed: see ``grouping``.

**The clock** is the server's, which every answer tells: see ``clock``.

**What it costs**, in documents, as Firestore bills them, a job; and in calls, for however many jobs are done at once:

======================================  =====  ======  =====
a step                                  reads  writes  calls
======================================  =====  ======  =====
submit                                      0       2      2
claim                                       1       1      2
record                                      0       1      1
wait for it                                 4       0      1
see that it has ended, and its result       2       0      2
purge                                       1       1      2
heartbeat of a worker                       0       1      1
heartbeat of each job that runs             0       1      0
sweep that finds nothing                    1       0      1
======================================  =====  ======  =====

So a plain job is 4 writes, a deletion and 8 reads, of which 6 are for who waits for its result; a retry, 2 writes and a
read more. A log costs nothing of its own, a body a write and a read for each million bytes where it is over 32 KiB. A
worker that does nothing beats every few seconds and sweeps; ``counts`` is a read for each thousand jobs, and one at
least for each state; ``activity`` and ``batches`` are some forty more at most, see ``overview``. An idempotency key is
two reads or one write, and one more deletion.

Times of creation grow, and so does what is indexed by them: Firestore takes about 500 new jobs a second of that kind
(https://cloud.google.com/firestore/docs/best-practices#hotspots).
"""
