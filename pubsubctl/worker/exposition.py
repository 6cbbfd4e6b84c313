"""A worker's numbers for Prometheus, made when they are asked for: counting a job costs no more than its meters do."""

import itertools
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from pubsubctl import __version__
from pubsubctl.job import JobState
from pubsubctl.store.claims import Refusal
from pubsubctl.worker.condition import View
from pubsubctl.worker.meters import Histogram

_PREFIX = "pubsubctl_worker_"
_REDELIVERIES = "Messages that arrived and had been sent before; told only where a dead-letter policy is set."
_ATTEMPTS = "Attempts that ended, by the state recorded; late, released and lost (cancelled, taken over) recorded none."
_OUTCOMES = (JobState.SUCCEEDED, JobState.FAILED, JobState.RETRYING, "late", "released", "lost")


class Exposition:
    """The metrics of one worker, with those of its process."""

    def __init__(self, view: View) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Numbers(view))
        ProcessCollector(registry=self._registry)

    def text(self, accept: str = "") -> tuple[bytes, str]:
        """All of them, with the Content-Type that they are written in.

        Args:
            accept: the Accept field of whoever asks: OpenMetrics where it is asked for, else Prometheus' own format.
        """
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


class _Numbers(Collector):
    """What the meters say now. No label ever names a job: every value of a label is a time series for good."""

    def __init__(self, view: View) -> None:
        self._view = view

    def collect(self) -> Iterator[Metric]:
        """Every metric, by Prometheus' conventions for names."""
        view, meters = self._view, self._view.meters
        about = {"worker": view.worker, "app": view.app, "version": __version__}
        yield InfoMetricFamily(_PREFIX.removesuffix("_"), "The worker.", value=about)
        yield _gauge("slots", "Jobs that can run at once.", view.slots)
        yield _gauge("slots_busy", "Jobs that run now.", view.busy())
        yield _gauge("leases", "Messages that are held now: running, claimed or waiting.", view.held())
        yield _counter("deliveries", "Messages that arrived.", meters.deliveries)
        yield _counter("redeliveries", _REDELIVERIES, meters.redeliveries)
        yield _counter("streams", "Streams opened to the broker.", meters.streams)
        yield _counter("child_deaths", "Children that died by themselves.", meters.child_deaths)
        yield _counters("refusals", "Claims that were not granted.", "refusal", Refusal, meters.refusals)
        yield _counters("attempts", _ATTEMPTS, "outcome", _OUTCOMES, meters.attempts)
        yield _histogram("attempt_duration_seconds", "How long attempts ran, in seconds.", meters.durations)
        yield _histogram("queue_seconds", "From a message's publish to its claim, in seconds.", meters.queue_times)
        yield _histogram("commit_seconds", "How long commits to the store took, in seconds.", meters.commit_times)
        yield _histogram("commit_size", "Writes that shared a commit, as a number of them.", meters.commit_sizes)


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(_PREFIX + name, about, value=value)


def _counter(name: str, about: str, value: float) -> Metric:
    return CounterMetricFamily(_PREFIX + name, about, value=value)


def _counters(name: str, about: str, label: str, known: Iterable[str], counts: Mapping[str, int]) -> Metric:
    """One series a label value; those that are known are there from the start, so that a first rise shows."""
    family = CounterMetricFamily(_PREFIX + name, about, labels=[label])
    for value, count in (dict.fromkeys(map(str, known), 0) | dict(counts)).items():
        family.add_metric([value], count)
    return family


def _histogram(name: str, about: str, histogram: Histogram) -> Metric:
    counts = list(histogram.counts)  # read once: it is being counted on
    bounds = [*map(str, histogram.bounds), "+Inf"]
    buckets = list(zip(bounds, map(float, itertools.accumulate(counts)), strict=True))
    return HistogramMetricFamily(_PREFIX + name, about, buckets=buckets, sum_value=histogram.total)
