"""What a worker counts, and how Prometheus reads it."""

import threading

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain

from pubsubctl import __version__
from pubsubctl.job import JobState
from pubsubctl.store.claims import Refusal
from pubsubctl.worker.condition import View
from pubsubctl.worker.exposition import Exposition
from pubsubctl.worker.meters import Histogram, Meters

PREFIX = "pubsubctl_worker_"


def test_a_value_falls_into_the_bucket_whose_bound_it_does_not_exceed():
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 3.0):
        histogram.observe(value)
    assert (histogram.counts, histogram.total) == ([2, 2, 1], 8.0)


@pytest.fixture
def meters() -> Meters:
    meters = Meters()
    meters.deliveries, meters.redeliveries, meters.streams, meters.child_deaths = 22, 1, 2, 3
    meters.refusals[Refusal.DONE] = 1
    meters.attempts[JobState.SUCCEEDED] = 20
    meters.attempts["late"] = 1
    for seconds in (0.004, 0.2, 7200.0):
        meters.durations.observe(seconds)
    meters.commit_sizes.observe(20)
    return meters


@pytest.fixture
def exposition(meters: Meters) -> Exposition:
    return Exposition(
        View(
            worker='host"1\n',
            app="testapp:app",
            slots=4,
            meters=meters,
            busy=lambda: 2,
            held=lambda: 7,
            draining=lambda: False,
            alive=(),
            ready=(),
            job=lambda _: None,
            backlog=lambda: 0,
        )
    )


def families(exposition: Exposition) -> dict[str, Metric]:
    text, content_type = exposition.text()
    assert content_type.startswith("text/plain; version=")
    return {family.name: family for family in plain(text.decode())}


def values(exposition: Exposition) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (sample.name.removeprefix(PREFIX), tuple(sample.labels.values())): sample.value
        for family in families(exposition).values()
        for sample in family.samples
    }


def test_every_number_is_told(exposition):
    told = values(exposition)
    assert told["deliveries_total", ()] == 22
    assert told["redeliveries_total", ()] == 1
    assert told["streams_total", ()] == 2
    assert told["child_deaths_total", ()] == 3
    assert told["refusals_total", ("done",)] == 1
    assert told["attempts_total", ("succeeded",)] == 20
    assert told["attempts_total", ("late",)] == 1
    assert (told["slots", ()], told["slots_busy", ()], told["leases", ()]) == (4, 2, 7)
    assert told["attempt_duration_seconds_count", ()] == 3
    assert told["attempt_duration_seconds_sum", ()] == pytest.approx(7200.204)
    assert told["attempt_duration_seconds_bucket", ("0.005",)] == 1
    assert told["attempt_duration_seconds_bucket", ("0.25",)] == 2
    assert told["attempt_duration_seconds_bucket", ("3600.0",)] == 2
    assert told["attempt_duration_seconds_bucket", ("+Inf",)] == 3
    assert told["commit_size_sum", ()] == 20
    assert told["queue_seconds_count", ()] == told["commit_seconds_count", ()] == 0


def test_who_it_is_is_told_once_and_escaped(exposition):
    (info,) = families(exposition)[PREFIX + "info"].samples
    assert info.labels == {"worker": 'host"1\n', "app": "testapp:app", "version": __version__}


def test_every_known_outcome_and_refusal_is_there_from_the_start(exposition):
    told = values(exposition)
    assert {labels[0] for name, labels in told if name == "refusals_total"} == {str(refusal) for refusal in Refusal}
    outcomes = {labels[0] for name, labels in told if name == "attempts_total"}
    assert outcomes == {"succeeded", "failed", "retrying", "late", "released", "lost"}


def test_every_metric_says_what_it_is_and_those_of_time_and_size_their_unit(exposition):
    for name, family in families(exposition).items():
        assert family.documentation
        if name.endswith("_seconds") and name.startswith(PREFIX):
            assert "in seconds" in family.documentation


def test_the_process_is_told_of_as_well(exposition):
    assert families(exposition)["process_resident_memory_bytes"].samples[0].value > 0


def test_whoever_asks_for_open_metrics_gets_it(exposition):
    text, content_type = exposition.text("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert PREFIX + "deliveries" in {family.name for family in open_metrics(text.decode())}


def test_numbers_may_rise_while_they_are_told(exposition, meters):
    done = threading.Event()

    def work() -> None:
        number = 0
        while not done.is_set():
            number += 1
            meters.durations.observe(number % 7)
            meters.refusals[f"new-{number % 1000}"] += 1

    worker = threading.Thread(target=work)
    worker.start()
    try:
        for _ in range(50):
            told = values(exposition)
            buckets = [value for (name, _), value in told.items() if name == "attempt_duration_seconds_bucket"]
            assert buckets == sorted(buckets)
            assert buckets[-1] == told["attempt_duration_seconds_count", ()]
    finally:
        done.set()
        worker.join()
