"""What is measured, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Metric,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from perennial_predictor.served import ServedVersion
from perennial_predictor.tally import Tally
from perennial_predictor.traffic import Traffic

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

disable_created_metrics()  # type: ignore[no-untyped-call]


class _Predicted(Collector):
    """What the version that serves has answered: its own tally, so a swap begins anew."""

    tally: Tally | None = None

    def collect(self) -> Iterable[Metric]:
        return self.tally.families() if self.tally else ()


class Metrics:
    """The measurements of one predictor."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        traffic = Traffic()
        registry.register(traffic)
        self.answered = traffic.count
        """Counts one answer: its route, which must be one of few, its status and its seconds."""
        self._version = Gauge(
            "perennial_model_version", "The version that serves.", ["model"], registry=registry
        )
        self._info = Gauge(
            "perennial_model_info",
            "1 for the version that serves.",
            ["model", "version", "digest", "format"],
            registry=registry,
        )
        self._load_seconds = Gauge(
            "perennial_model_load_seconds",
            "How long the version that serves took to load and warm up.",
            registry=registry,
        )
        self._swaps = Counter(
            "perennial_model_swaps", "Versions that took over from another.", registry=registry
        )
        self._failures = Counter(
            "perennial_model_load_failures", "Versions that did not load.", registry=registry
        )
        self._problem = Gauge(
            "perennial_model_problem",
            "1 while the expected version cannot be found or loaded; /readyz says why.",
            registry=registry,
        )
        self._predicted = _Predicted()
        registry.register(self._predicted)

    def add(self, collector: Collector) -> None:
        """Expose what this collects too."""
        self._registry.register(collector)

    def serves(self, served: ServedVersion, *, swapped: bool) -> None:
        """A version serves from now on; ``swapped`` when it took over from another."""
        manifest = served.manifest
        self._version.labels(manifest.model).set(manifest.version)
        self._info.clear()
        self._info.labels(
            manifest.model, manifest.version, manifest.digest, manifest.format.value
        ).set(1)
        self._load_seconds.set(served.load_seconds)
        self._predicted.tally = served.tally
        self._swaps.inc(swapped)

    def load_failed(self) -> None:
        self._failures.inc()

    def problem(self, exists: bool) -> None:
        self._problem.set(exists)

    def exposition(self) -> bytes:
        """Return all measurements in Prometheus' text format."""
        return generate_latest(self._registry)
