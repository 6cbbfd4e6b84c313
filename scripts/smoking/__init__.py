"""A smoke test on a real Google Cloud project, for whoever has one.

It makes topics and subscriptions of its own, under a name that nobody else has, and takes them down again. Jobs go the
whole way with the commands that people use; what the service itself promises (flow control, order, exactly-once
delivery, dead letters) is tried by the calls that workers make. An emulator can take the service's place, so that this
is tested too.
"""
