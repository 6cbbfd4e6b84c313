"""What talks to a broker over google.pubsub.v1, whichever it is: Cloud Pub/Sub or an emulator."""
