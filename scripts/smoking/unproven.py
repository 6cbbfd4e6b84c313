"""What no emulator proves; as text, for people."""

UNPROVEN = """\
What no emulator proves, so that a run on the real service shows it first:
- how long the service lets a message wait whose ack deadline has passed, or whose worker was killed (rows 4 to 6);
- what it says to an ack that comes too late, and what becomes of the message (rows 5 and 6);
- whether it delivers a message again that was acknowledged in time, as it may unless delivery is exactly once:
  duplicates are counted (rows 2 and 7);
- that it keeps the order of a key within a region, through a nack (row 7);
- that acks of exactly-once delivery are confirmed, how long each takes, and that they hold (row 8);
- that it moves dead letters, and how long after its account was given the roles for it (row 9);
- jobs a second with real distances and whatever throttling there is (row 10).

Not checked here, nor by any test of pubsubctl's on the real service: that the service itself closes a stream after a
while (about half an hour, it is said), and the worker goes on; what it does when a quota is used up; ordering keys that
are published in several regions; tokens that run out after an hour; how long the roles of new accounts take; retention
and expiry, which take days."""
