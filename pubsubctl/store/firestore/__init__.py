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
"""
