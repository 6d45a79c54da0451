"""The measurements as Prometheus' client has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from prometheus_client import CollectorRegistry, Metric, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from perennial_predictor.metrics import Metrics

disable_created_metrics()  # type: ignore[no-untyped-call]


def text_of(metrics: Metrics) -> Callable[[], bytes]:
    """Return what writes the measurements, and those of the process, in Prometheus' text format."""
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    registry.register(_Predictor(metrics))
    return partial(generate_latest, registry)


class _Predictor(Collector):
    """What one predictor measures."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        yield from _of_model(self._metrics)
        yield from _of_loading(self._metrics)
        for part in self._metrics.parts():
            yield from part.families()


def _of_model(metrics: Metrics) -> Iterator[Metric]:
    version = GaugeMetricFamily(
        "perennial_model_version", "The version that serves.", labels=["model"]
    )
    info = GaugeMetricFamily(
        "perennial_model_info",
        "1 for the version that serves.",
        labels=["model", "version", "digest", "format"],
    )
    if (manifest := metrics.manifest) is not None:
        version.add_metric([manifest.model], manifest.version)
        names = manifest.model, str(manifest.version), manifest.digest, manifest.format.value
        info.add_metric(names, 1)
    yield from (version, info)


def _of_loading(metrics: Metrics) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "perennial_model_load_seconds",
        "How long the version that serves took to load and warm up.",
        metrics.load_seconds,
    )
    yield CounterMetricFamily(
        "perennial_model_swaps", "Versions that took over from another.", metrics.swaps
    )
    yield CounterMetricFamily(
        "perennial_model_load_failures", "Versions that did not load.", metrics.failures
    )
    yield GaugeMetricFamily(
        "perennial_model_problem",
        "1 while the expected version cannot be found or loaded; /readyz says why.",
        metrics.has_problem,
    )
