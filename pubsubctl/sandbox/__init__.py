"""A worker with topics, a store and mostly a broker of its own, taken down at the end.

For the benchmark: nothing of the user's is touched, and nothing is left behind. The demo does not use it: it runs
the commands that people would type.
"""

from pubsubctl.sandbox.whole import Sandbox

__all__ = ["Sandbox"]
