"""Traces of jobs, by OpenTelemetry: from who submits, through the message and the worker, into the application.

Nothing is traced unless OpenTelemetry's own variables ask for it, see ``switch``; what decides then, where to and how,
are those variables too (``OTEL_SERVICE_NAME``, ``OTEL_EXPORTER_OTLP_*``, ``OTEL_TRACES_SAMPLER``, ``OTEL_BSP_*``,
``OTEL_PROPAGATORS``). Spans and attributes follow the semantic conventions for messaging and for Google Cloud Pub/Sub:

* ``send <topic>``, a producer, is a submit; its parent is whatever the program does, or what the request's own
  ``traceparent`` says.
* ``process <subscription>``, a consumer, is one attempt, from its claim to the record of its outcome, in the parent of
  the worker, so that it is told of a child that dies as well. Its parent is the send; every attempt has the same.
* The application's request has the ``traceparent`` of the attempt, so that its own instrumentation goes on from there.

The context travels as header fields of the request, which are kept with the job, so that a retry is in the same trace;
and in the attributes ``googclient_...``, as google-cloud-pubsub sends and reads it. That library's own spans of a
subscriber are left off: its ``process`` span ends when a message was queued, and a warning follows at every ack. Those
of its publisher belong to its batching, which is not used here: one call tells what became of each message.
"""
