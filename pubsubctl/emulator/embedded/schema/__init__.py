"""Schemas (cloud.google.com/pubsub/docs/schemas): their revisions, and whether messages are what they ask for."""
