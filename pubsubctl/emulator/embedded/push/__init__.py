"""Push subscriptions (cloud.google.com/pubsub/docs/push): messages posted to an HTTP endpoint."""

from pubsubctl.emulator.embedded.push.config import check_push_config
from pubsubctl.emulator.embedded.push.pushing import Pushing

__all__ = ["Pushing", "check_push_config"]
