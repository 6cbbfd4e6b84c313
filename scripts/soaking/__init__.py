"""Soaking the embedded emulator: a mixed load under faults and kill -9, with every message counted.

Publishers and consumers are threads of this process, with google-cloud-pubsub's own clients; the emulator is another
process. Each message has an id of its own, apart from the one that the emulator gives it. Each subscription has a
ledger that sees all its deliveries and acks, and notes at once what must never happen; what was lost is found at the
end, when everything has been drained.
"""
