"""Spans of real submits and real workers, as a collector gets them."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from collector import Collector, Span, collecting
from project import Project, wait_for

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


def traced(project: Project, collector: Collector, *flags: str) -> subprocess.Popen[bytes]:
    """A worker that is traced."""
    project.environment |= collector.environment
    return project.worker(*flags)


def run(project: Project, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pubsubctl", *arguments]
    return subprocess.run(  # noqa: PLW1510 - a test looks at the code itself
        command,
        cwd=project.folder,
        env=os.environ | project.places | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def submit(project: Project, collector: Collector, *arguments: str) -> str:
    """Submit and wait; what the app answered."""
    done = run(project, "submit", *arguments, "--wait", **collector.environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def arrived(collector: Collector, beginning: str, count: int = 1) -> list[Span]:
    wait_for(lambda: len(collector.named(beginning)) >= count, what=f"{count} spans {beginning}; {collector.spans}")
    return collector.named(beginning)


@pytest.mark.on_every_broker
def test_a_job_is_one_trace_from_the_submit_into_the_app(project, collector):
    traced(project, collector)
    seen = submit(project, collector, "/traceparent")
    (send,), (process,) = arrived(collector, "send"), arrived(collector, "process")
    assert (send.name, send.kind, send.parent_id) == ("send pubsubctl-requests", "PRODUCER", "")
    assert (process.name, process.kind) == ("process pubsubctl-workers", "CONSUMER")
    assert (process.trace_id, process.parent_id) == (send.trace_id, send.span_id)
    assert seen.startswith(f"00-{process.trace_id}-{process.span_id}-")


@pytest.mark.on_every_broker
def test_spans_say_what_they_are_about(project, collector):
    traced(project, collector)
    submit(project, collector, "/traceparent?secret=1")
    (send,), (process,) = arrived(collector, "send"), arrived(collector, "process")
    shared = {"messaging.system": "gcp_pubsub", "messaging.destination.name": "pubsubctl-requests"}
    assert send.attributes.items() >= (shared | {"messaging.operation.type": "send"}).items()
    assert process.attributes.items() >= (shared | {"messaging.operation.type": "process"}).items()
    with project.client() as client:
        (job,) = client.store.find().jobs
    assert send.attributes["messaging.message.id"] == process.attributes["messaging.message.id"] == job.message_id
    assert process.attributes["pubsubctl.job.id"] == job.id
    assert process.attributes["pubsubctl.job.attempt"] == 1
    assert process.attributes["pubsubctl.worker"] == job.worker
    assert process.attributes["pubsubctl.job.outcome"] == "succeeded"
    assert process.attributes["http.response.status_code"] == 200
    assert process.attributes["url.path"] == "/traceparent"
    assert (process.status, send.service) == ("UNSET", "pubsubctl")


@pytest.mark.on_every_broker
def test_spans_say_which_broker_and_which_ordering_key(project, collector):
    traced(project, collector)
    submit(project, collector, "/noop", "--ordering-key", "k")
    with project.client() as client:
        host, _, port = client.connection.address.place.rpartition(":")
    for span in (*arrived(collector, "send"), *arrived(collector, "process")):
        assert (span.attributes["server.address"], span.attributes["server.port"]) == (host, int(port))
        assert span.attributes["messaging.gcp_pubsub.message.ordering_key"] == "k"
    assert collector.named("process")[0].attributes["messaging.gcp_pubsub.message.delivery_attempt"] == 1


@pytest.mark.on_every_broker
def test_every_attempt_has_a_span_and_one_that_failed_says_so(project, collector):
    traced(project, collector)
    submit(project, collector, "/traceparent?until=2")
    (send,) = arrived(collector, "send")
    first, second = sorted(arrived(collector, "process", 2), key=lambda span: span.attributes["pubsubctl.job.attempt"])
    assert {first.parent_id, second.parent_id} == {send.span_id}
    assert (first.status, first.message) == ("ERROR", "the app answered 503 SERVICE UNAVAILABLE")
    assert first.attributes["pubsubctl.job.outcome"] == "retrying"
    assert first.attributes["http.response.status_code"] == 503
    assert first.attributes["error.type"] == "status"
    assert first.events["retry"]["pubsubctl.retry.delay_s"] >= 1
    assert second.status == "UNSET"


def test_a_child_that_dies_leaves_a_span(project, collector):
    traced(project, collector)
    submit(project, collector, "/dies/SIGKILL")
    died = next(span for span in arrived(collector, "process", 2) if span.attributes["pubsubctl.job.attempt"] == 1)
    assert (died.status, died.attributes["error.type"]) == ("ERROR", "crashed")
    assert "SIGKILL" in died.message


def test_the_trace_that_a_request_names_is_gone_on_with(project, collector):
    traced(project, collector)
    seen = submit(project, collector, "/traceparent", "-H", f"traceparent: {CALLER}", "-H", "tracestate: a=b")
    (send,) = arrived(collector, "send")
    assert (send.trace_id, send.parent_id) == (CALLER.split("-")[1], CALLER.split("-")[2])
    assert seen.split("-")[1] == send.trace_id


def test_the_jobs_of_a_batch_are_sent_in_one_span_and_traces_that_they_name_are_linked(project, collector):
    traced(project, collector)
    lines = ['{"path": "/noop"}', f'{{"path": "/traceparent", "headers": {{"traceparent": "{CALLER}"}}}}']
    (project.folder / "jobs.jsonl").write_text("\n".join(lines))
    done = run(project, "submit", "--from", "jobs.jsonl", "--wait", **collector.environment)
    assert done.returncode == 0
    (send,), (create,) = arrived(collector, "send"), arrived(collector, "create")
    assert send.attributes["messaging.batch.message_count"] == 2
    assert (create.trace_id, create.parent_id) == (CALLER.split("-")[1], CALLER.split("-")[2])
    assert send.links == [create.span_id]
    processed = {span.attributes["url.path"]: span.parent_id for span in arrived(collector, "process", 2)}
    assert processed == {"/noop": send.span_id, "/traceparent": create.span_id}


def test_a_submit_that_fails_says_so(project, collector):
    done = run(project, "submit", "/noop", "--topic", "there-is-none", **collector.environment)
    assert done.returncode == 1
    (send,) = arrived(collector, "send")
    assert (send.status, send.attributes["error.type"]) == ("ERROR", "ResourceNotFound")


@pytest.mark.on_every_broker
def test_a_plain_publisher_that_traces_as_google_does_is_joined(project, collector):
    from google.pubsub_v1 import PubsubMessage

    from pubsubctl.broker.connection import Connection

    traced(project, collector)
    with Connection(project.settings) as connection:
        message = PubsubMessage(attributes={"path": "/traceparent", "googclient_traceparent": CALLER})
        connection.publisher.publish(topic=project.settings.topic_path, messages=[message])
    (process,) = arrived(collector, "process")
    assert (process.trace_id, process.parent_id) == (CALLER.split("-")[1], CALLER.split("-")[2])


@pytest.mark.on_every_broker
def test_a_message_tells_google_s_subscribers_of_the_trace(project, collector):
    from pubsubctl.broker.connection import Connection

    assert run(project, "submit", "/noop", **collector.environment).returncode == 0
    with Connection(project.settings) as connection:
        answer = connection.subscriber.pull(subscription=project.settings.subscription_path, max_messages=1)
    (send,) = arrived(collector, "send")
    said = dict(answer.received_messages[0].message.attributes)
    assert said["googclient_traceparent"] == said["header-traceparent"]
    assert said["header-traceparent"].startswith(f"00-{send.trace_id}-{send.span_id}-")


def test_without_a_collector_jobs_run_and_nobody_waits_long(project):
    away = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}  # the port of nothing
    project.environment |= away
    worker = project.worker()
    began = time.monotonic()
    done = run(project, "submit", "/noop", "--wait", **away)
    assert done.returncode == 0
    assert time.monotonic() - began < 15  # 2 s, beside what the submit itself needs; the exporter alone would take 30
    wait_for(lambda: "spans cannot be exported" in project.log(), what="the log says so")
    assert project.stop(worker) == 0
    assert project.log().count("spans cannot be exported") == 1
    assert "Traceback" not in project.log()


def test_spans_may_go_to_the_console_which_is_stderr(project):
    done = run(project, "submit", "/noop", OTEL_TRACES_EXPORTER="console")
    assert done.stdout.count("\n") == 1
    assert '"name": "send pubsubctl-requests"' in done.stderr


OFF = """
import sys
import pubsubctl.client, pubsubctl.worker.spans, pubsubctl.worker.execution, pubsubctl.render.jsonlog
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""


def test_nothing_of_opentelemetry_is_imported_unless_it_is_asked_for():
    done = subprocess.run([sys.executable, "-c", OFF], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("environment", "on"),
    [
        ({}, False),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector"}, True),
        ({"OTEL_TRACES_EXPORTER": ""}, False),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector"}, False),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "True"}, False),
    ],
)
def test_opentelemetry_s_own_variables_ask_for_it(environment, on):
    from pubsubctl.tracing.switch import asked_for

    assert asked_for(environment) is on


WITHOUT_SDK = """
import sys
sys.modules["opentelemetry.sdk"] = None
from pubsubctl.cli import main
main()
"""


def test_without_the_sdk_one_warning_says_what_to_install_and_the_job_is_submitted(project):
    done = subprocess.run(  # noqa: PLW1510 - see below
        [sys.executable, "-c", WITHOUT_SDK, "submit", "/noop"],
        cwd=project.folder,
        env=os.environ | {"OTEL_TRACES_EXPORTER": "otlp"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 1
    assert len(done.stderr.splitlines()) == 1
    assert "pip install 'pubsubctl[tracing]'" in done.stderr


def test_an_exporter_that_is_not_there_is_named_and_harms_no_job(project):
    done = run(project, "submit", "/noop", OTEL_TRACES_EXPORTER="zipkin")
    assert done.returncode == 0
    assert "zipkin" in done.stderr
