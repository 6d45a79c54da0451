"""What pods counted over a while, from what they say at times. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from perennial_operator.pod_report import PodReport

Key = TypeVar("Key", float, str)


@dataclass(frozen=True)
class Window:
    """What some pods counted together; the fields are those of PodReport."""

    requests: int = 0
    errors: int = 0
    latency: Mapping[float, int] = field(default_factory=dict)
    """How many requests took at most so many seconds, by the bound."""
    predictions: int = 0
    prediction_sum: float = 0.0
    prediction_squares: float = 0.0
    classes: Mapping[str, int] = field(default_factory=dict)
    shadow: Mapping[str, int] = field(default_factory=dict)

    def plus(self, other: Window) -> Window:
        return Window(
            requests=self.requests + other.requests,
            errors=self.errors + other.errors,
            latency=_sums(self.latency, other.latency),
            predictions=self.predictions + other.predictions,
            prediction_sum=self.prediction_sum + other.prediction_sum,
            prediction_squares=self.prediction_squares + other.prediction_squares,
            classes=_sums(self.classes, other.classes),
            shadow=_sums(self.shadow, other.shadow),
        )


@dataclass(frozen=True)
class Meter:
    """Adds up what pods counted since the first look at them."""

    counted: Window = Window()
    latest: Mapping[str, PodReport | None] = field(default_factory=dict)
    """What each pod, by its uid, said last; None: it has said nothing yet."""
    began: bool = False

    @property
    def is_silent(self) -> bool:
        """Whether there are pods, and none of them has ever said anything."""
        return bool(self.latest) and not any(self.latest.values())

    def read(self, reports: Iterable[PodReport]) -> Meter:
        """Return the meter after another look at the pods.

        The first look only tells where the counters stand. A pod that comes later counts from zero,
        as does one whose process began anew, which is seen by counters that fell.
        """
        latest, counted = dict(self.latest), self.counted
        for report in reports:
            if report.version is None:
                latest.setdefault(report.uid, None)
                continue
            if report.uid in latest or not self.began:
                before = latest.get(report.uid) or report
            else:
                before = PodReport(report.name, report.uid)
            counted = counted.plus(_between(before, report))
            latest[report.uid] = report
        return replace(self, counted=counted, latest=latest, began=True)


def _between(before: PodReport, now: PodReport) -> Window:
    """Return what a pod counted between two reports."""
    if now.requests < before.requests or now.predictions < before.predictions:
        before = PodReport(now.name, now.uid)
    return Window(
        requests=now.requests - before.requests,
        errors=now.errors - before.errors,
        latency=_differences(dict(before.latency), dict(now.latency)),
        predictions=now.predictions - before.predictions,
        prediction_sum=now.prediction_sum - before.prediction_sum,
        prediction_squares=now.prediction_squares - before.prediction_squares,
        classes=_differences(before.classes, now.classes),
        shadow=_differences(before.shadow, now.shadow),
    )


def _differences(before: Mapping[Key, int], now: Mapping[Key, int]) -> dict[Key, int]:
    return {key: count - before.get(key, 0) for key, count in now.items()}


def _sums(one: Mapping[Key, int], other: Mapping[Key, int]) -> dict[Key, int]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in one.keys() | other.keys()}
