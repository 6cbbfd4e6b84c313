"""What talks to a broker over google.pubsub.v1, whichever it is: Cloud Pub/Sub or an emulator."""

from pubsubctl.broker.deferral import defer

defer("google.pubsub_v1", but=["gapic_version", "services", "types"])
