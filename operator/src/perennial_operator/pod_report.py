"""What a predictor pod says of itself on /metrics. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from perennial_core.identity import Digest, Version

_ROUTES = frozenset({"/", "/predict"})
_PROTOCOLS = ("/infer", ":predict", "/ModelInfer")
"""How the routes of the Open Inference Protocol, KServe V1 and gRPC end, which name the model."""

_CLIENT_GONE = 499


@dataclass(frozen=True)
class PodReport:
    """One ready pod; what it counts, it counts since its process began, or its version serves."""

    name: str
    uid: str
    version: Version | None = None
    """The version that answers; None: the pod does not say."""
    digest: Digest | None = None
    has_problem: bool = False
    """Whether it cannot find or load the version that should answer; /readyz says why."""
    requests: int = 0
    """Requests for predictions."""
    errors: int = 0
    """Those that were refused or failed, unless the client went away."""
    latency: tuple[tuple[float, int], ...] = ()
    """How many requests took at most so many seconds, ascending; the last bound is infinite."""
    predictions: int = 0
    """Of a regressor's version that answers: their number, sum and sum of squares."""
    prediction_sum: float = 0.0
    prediction_squares: float = 0.0
    classes: Mapping[str, int] = field(default_factory=dict)
    """Of a classifier's version that answers: predictions by label."""
    shadow: Mapping[str, int] = field(default_factory=dict)
    """How the answers of a version that gets copies of the requests compare: number by outcome."""


def silent(name: str, uid: str) -> PodReport:
    """Return the report of a pod that does not answer."""
    return PodReport(name, uid)


def read_report(name: str, uid: str, exposition: str) -> PodReport:
    """Return what a pod says in Prometheus' text format.

    Raises:
        ValueError: It is not in that format.
    """
    samples: dict[str, list[Sample]] = defaultdict(list)
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            samples[sample.name].append(sample)
    info = next((sample.labels for sample in samples["perennial_model_info"]), {})
    answers = list(filter(_asks_to_predict, samples["perennial_requests_total"]))
    return PodReport(
        name=name,
        uid=uid,
        version=Version(int(info["version"])) if info else None,
        digest=Digest(info["digest"]) if info else None,
        has_problem=bool(_total(samples["perennial_model_problem"])),
        requests=int(_total(answers)),
        errors=int(_total(filter(_is_error, answers))),
        latency=_latency(samples["perennial_request_duration_seconds_bucket"]),
        predictions=int(_total(samples["perennial_predictions_total"])),
        prediction_sum=_total(samples["perennial_prediction_sum"]),
        prediction_squares=_total(samples["perennial_prediction_squares_sum"]),
        classes=_by_label(samples["perennial_predicted_classes_total"], "label"),
        shadow=_by_label(samples["perennial_shadow_answers_total"], "outcome"),
    )


def _asks_to_predict(sample: Sample) -> bool:
    route = sample.labels["route"]
    return route in _ROUTES or route.endswith(_PROTOCOLS)


def _total(samples: Iterable[Sample]) -> float:
    return sum(sample.value for sample in samples)


def _is_error(answers: Sample) -> bool:
    status = int(answers.labels["status"])
    return status >= 400 and status != _CLIENT_GONE


def _latency(buckets: Iterable[Sample]) -> tuple[tuple[float, int], ...]:
    """Return the buckets of all routes together; the counts are cumulative, so their sums are."""
    counts: dict[float, int] = defaultdict(int)
    for bucket in filter(_asks_to_predict, buckets):
        counts[float(bucket.labels["le"])] += int(bucket.value)
    return tuple(sorted(counts.items()))


def _by_label(samples: Iterable[Sample], label: str) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for sample in samples:
        counts[sample.labels[label]] += int(sample.value)
    return dict(counts)
