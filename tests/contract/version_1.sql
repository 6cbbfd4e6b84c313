BEGIN TRANSACTION;
CREATE TABLE jobs (
    id TEXT NOT NULL,
    state TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    created_at FLOAT NOT NULL,
    reason TEXT,
    batch_id TEXT,
    attempt INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    crashes INTEGER NOT NULL,
    max_attempts INTEGER,
    timeout_s FLOAT,
    worker TEXT,
    message_id TEXT,
    not_before FLOAT,
    started_at FLOAT,
    finished_at FLOAT,
    http_status INTEGER,
    error TEXT,
    progress_fraction FLOAT,
    progress_note TEXT,
    result_bytes INTEGER,
    idempotency_key TEXT,
    ordering_key TEXT NOT NULL,
    topic TEXT NOT NULL,
    lease_until FLOAT,
    due_at FLOAT,
    PRIMARY KEY (id)
);
INSERT INTO "jobs" VALUES('published','queued','POST','/run?x=1',1800000000.0,NULL,'batch-1',0,0,0,NULL,NULL,NULL,'message-published',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'','projects/p/topics/jobs',NULL,1800086400.0);
INSERT INTO "jobs" VALUES('running','running','POST','/run?x=1',1800000000.0,NULL,'batch-1',1,0,0,5,NULL,'worker-1','message-running',NULL,1800000000.0,NULL,NULL,NULL,0.5,'half',NULL,NULL,'','projects/p/topics/jobs',1800000030.0,1800000090.0);
INSERT INTO "jobs" VALUES('retrying','retrying','POST','/run?x=1',1800000000.0,'status','batch-1',1,1,0,5,NULL,'worker-1',NULL,1800000060.0,1800000000.0,NULL,NULL,'503',NULL,NULL,NULL,NULL,'','projects/p/topics/jobs',NULL,1800000060.0);
INSERT INTO "jobs" VALUES('succeeded','succeeded','POST','/run?x=1',1800000000.0,NULL,'batch-1',1,0,0,5,NULL,'worker-1','message-succeeded',NULL,1800000000.0,1800000000.0,200,NULL,NULL,NULL,5,NULL,'','projects/p/topics/jobs',NULL,NULL);
INSERT INTO "jobs" VALUES('failed','failed','POST','/run?x=1',1800000000.0,'exhausted','batch-1',1,1,0,5,NULL,'worker-1','message-failed',NULL,1800000000.0,1800000000.0,NULL,'503 five times',NULL,NULL,NULL,NULL,'','projects/p/topics/jobs',NULL,1800000000.0);
INSERT INTO "jobs" VALUES('cancelled','cancelled','POST','/run?x=1',1800000000.0,NULL,'batch-1',1,0,0,5,NULL,'worker-1','message-cancelled',NULL,1800000000.0,1800000000.0,NULL,NULL,NULL,NULL,NULL,NULL,'','projects/p/topics/jobs',NULL,NULL);
INSERT INTO "jobs" VALUES('crashed','failed','POST','/run?x=1',1800000000.0,'crashed','batch-1',3,0,3,5,NULL,'worker-1','message-crashed',NULL,1800000000.0,1800000000.0,NULL,'its attempts ended without a record; look into the worker''s log for what kills it',NULL,NULL,NULL,NULL,'','projects/p/topics/jobs',NULL,1800000000.0);
INSERT INTO "jobs" VALUES('queued','queued','POST','/run?x=1',1800000000.0,NULL,'batch-1',0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'','projects/p/topics/jobs',NULL,1800000060.0);
INSERT INTO "jobs" VALUES('delayed','queued','POST','/run?x=1',1800000000.0,NULL,'batch-1',0,0,0,NULL,NULL,NULL,NULL,1800000600.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'','projects/p/topics/jobs',NULL,1800000600.0);
INSERT INTO "jobs" VALUES('keyed','queued','POST','/run?x=1',1800000000.0,NULL,'batch-1',0,0,0,2,9.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'key-1','order-1','projects/p/topics/jobs',NULL,1800000060.0);
INSERT INTO "jobs" VALUES('unpublished','failed','POST','/run?x=1',1800000000.0,'unpublished','batch-1',0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,1800000000.0,NULL,'the broker refused it',NULL,NULL,NULL,'key-2','','projects/p/topics/jobs',NULL,NULL);
INSERT INTO "jobs" VALUES('by-message','running','POST','/run?x=1',1800000000.0,NULL,'batch-1',1,0,0,5,NULL,'worker-1','message-by-message',NULL,1800000000.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'','projects/p/topics/jobs',1800000030.0,1800000090.0);
INSERT INTO "jobs" VALUES('msg-1','failed','','',1800000000.0,'malformed',NULL,0,0,0,NULL,NULL,NULL,'1',NULL,NULL,1800000000.0,NULL,'no path',NULL,NULL,NULL,NULL,'','projects/p/topics/jobs',NULL,1800000000.0);
CREATE TABLE meta (
    "key" TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY ("key")
);
INSERT INTO "meta" VALUES('application','pubsubctl');
INSERT INTO "meta" VALUES('schema','1');
INSERT INTO "meta" VALUES('store_id','14c29182898ee781');
CREATE TABLE requests (
    job_id TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (job_id)
)
 WITHOUT ROWID
;
INSERT INTO "requests" VALUES('by-message','POST','/run?x=1','[["content-type","text/plain"],["x-name","caf\u00e9"]]',X'00626F6479FF');
INSERT INTO "requests" VALUES('cancelled','POST','/run?x=1','[["content-type","text/plain"],["x-name","caf\u00e9"]]',X'00626F6479FF');
INSERT INTO "requests" VALUES('crashed','POST','/run?x=1','[["content-type","text/plain"],["x-name","caf\u00e9"]]',X'00626F6479FF');
INSERT INTO "requests" VALUES('delayed','POST','/run?x=1','[["content-type","text/plain"],["x-name","caf\u00e9"]]',X'00626F6479FF');
INSERT INTO "requests" VALUES('failed','POST','/run?x=1','[["content-type","text/plain"],["x-name","caf\u00e9"]]',X'00626F6479FF');
INSERT INTO "requests" VALUES('keyed','POST','/run?x=1','[["content-type","text/plain"],["x-name","caf\u00e9"]]',X'00626F6479FF');
INSERT INTO "requests" VALUES('msg-1','','','[["a","b"]]',X'64617461');
INSERT INTO "requests" VALUES('published','POST','/run?x=1','[["content-type","text/plain"],["x-name","caf\u00e9"]]',X'00626F6479FF');
INSERT INTO "requests" VALUES('queued','POST','/run?x=1','[["content-type","text/plain"],["x-name","caf\u00e9"]]',X'00626F6479FF');
INSERT INTO "requests" VALUES('retrying','POST','/run?x=1','[["content-type","text/plain"],["x-name","caf\u00e9"]]',X'00626F6479FF');
INSERT INTO "requests" VALUES('running','POST','/run?x=1','[["content-type","text/plain"],["x-name","caf\u00e9"]]',X'00626F6479FF');
INSERT INTO "requests" VALUES('succeeded','POST','/run?x=1','[["content-type","text/plain"],["x-name","caf\u00e9"]]',X'00626F6479FF');
INSERT INTO "requests" VALUES('unpublished','POST','/run?x=1','[["content-type","text/plain"],["x-name","caf\u00e9"]]',X'00626F6479FF');
CREATE TABLE responses (
    job_id TEXT NOT NULL,
    status INTEGER NOT NULL,
    phrase TEXT NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (job_id)
)
 WITHOUT ROWID
;
INSERT INTO "responses" VALUES('succeeded',200,'FINE','[["Set-Cookie","a=1"],["Set-Cookie","b=2"]]',X'FF646F6E65');
CREATE TABLE workers (
    id TEXT NOT NULL,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    app TEXT NOT NULL,
    subscription TEXT NOT NULL,
    slots INTEGER NOT NULL,
    busy INTEGER NOT NULL,
    started_at FLOAT NOT NULL,
    seen_at FLOAT NOT NULL,
    PRIMARY KEY (id)
);
INSERT INTO "workers" VALUES('worker-1','host',1,'app:app','s',4,1,1800000000.0,1800000000.0);
CREATE INDEX jobs_state ON jobs (state, created_at, id);
CREATE UNIQUE INDEX jobs_idempotency ON jobs (idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX jobs_created ON jobs (created_at, id);
CREATE INDEX jobs_batch ON jobs (batch_id, state, created_at, id) WHERE batch_id IS NOT NULL;
CREATE INDEX jobs_due ON jobs (topic, due_at) WHERE due_at IS NOT NULL;
COMMIT;
