"""The API as JSON over HTTP/1.1 (cloud.google.com/pubsub/docs/reference/rest); imported when a first request comes."""
