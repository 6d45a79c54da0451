"""The measurements of several processes as those of one: a pure function of their expositions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

Combine = Callable[[Iterable[float]], float]

_OF_VERSION = ("perennial_model_info", "perennial_predict")
"""How families begin that speak of the version that serves: they count where it is the same."""
_VERSION = "perennial_model_version"

_RULES: dict[str, Combine] = {
    _VERSION: min,  # a predictor serves a version once all of its processes do
    "perennial_model_swaps": max,  # each of them swaps
    "perennial_model_load_failures": max,
    "perennial_prediction_sum": sum,  # gauges, for a prediction may be negative
    "perennial_prediction_squares_sum": sum,
    "process_start_time_seconds": min,
    "process_resident_memory_bytes": sum,
    "process_virtual_memory_bytes": sum,
    "process_open_fds": sum,
}
"""Of families whose type does not tell: of other gauges the greatest counts, and counts add up."""


def merged(alive: Sequence[bytes], ended: Sequence[bytes] = ()) -> bytes:
    """Return one exposition in Prometheus' text format.

    Args:
        alive: Those of the processes that answer.
        ended: Those of processes that did: their counts stay, or counters would go back.
    """
    reports = [_families(text) for text in alive]
    oldest = min((v for v in map(_version, reports) if v is not None), default=None)
    kept = [
        family
        for report in reports
        for family in report
        if not family.name.startswith(_OF_VERSION) or _version(report) == oldest
    ]
    kept += [family for text in ended for family in _families(text) if _stays(family)]
    registry = CollectorRegistry()
    registry.register(_Held(list(_combined(kept))))
    return generate_latest(registry)


class _Held(Collector):
    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _families(text: bytes) -> list[Metric]:
    return list(text_string_to_metric_families(text.decode()))


def _version(report: Iterable[Metric]) -> float | None:
    values = [s.value for family in report if family.name == _VERSION for s in family.samples]
    return values[0] if values else None


def _stays(family: Metric) -> bool:
    return family.type != "gauge" and not family.name.startswith(_OF_VERSION)


def _combined(families: Iterable[Metric]) -> Iterator[Metric]:
    by_name: defaultdict[str, list[Metric]] = defaultdict(list)
    for family in families:
        by_name[family.name].append(family)
    for name, same in by_name.items():
        first = same[0]
        one = Metric(name, first.documentation, first.type)
        combine = _RULES.get(name, max if first.type == "gauge" else sum)
        one.samples = list(_samples((s for family in same for s in family.samples), combine))
        yield one


def _samples(samples: Iterable[Sample], combine: Combine) -> Iterator[Sample]:
    values: defaultdict[tuple[str, tuple[tuple[str, str], ...]], list[float]] = defaultdict(list)
    for sample in samples:
        values[sample.name, tuple(sample.labels.items())].append(sample.value)
    for (name, labels), found in values.items():
        yield Sample(name, dict(labels), combine(found))
