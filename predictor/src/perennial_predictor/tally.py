"""What a version has predicted so far, as a canary is judged by it.

Each version has a tally of its own, so none speaks of the version before it.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

import numpy as np

from perennial_core.artifact.model import Array
from perennial_core.manifest import Signature, Task

if TYPE_CHECKING:
    from prometheus_client import Metric

_LARGEST = 1e140
"""Larger predictions are left out: with their squares the sums would not stay finite."""


class Tally(Protocol):
    """Counts predictions; large requests are counted in threads."""

    def count(self, values: Array) -> None:
        """Count the predictions of one answer, of shape (n,)."""

    def families(self) -> Iterator[Metric]:
        """Yield what was counted, for Prometheus."""


class ValueTally:
    """Number, sum and sum of squares of a regressor's predictions: their mean and variance."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums = (0, 0.0, 0.0)

    def count(self, values: Array) -> None:
        number, total, squares = _sums(values)
        with self._lock:
            numbers, totals, all_squares = self._sums
            self._sums = (numbers + number, totals + total, all_squares + squares)

    def families(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        number, total, squares = self._sums
        version = "of the version that serves, since it serves."
        yield CounterMetricFamily("perennial_predictions", f"Predictions {version}", number)
        yield GaugeMetricFamily(
            "perennial_prediction_sum", f"Sum of the predictions {version}", total
        )
        yield GaugeMetricFamily(
            "perennial_prediction_squares_sum",
            f"Sum of the squares of the predictions {version}",
            squares,
        )


class LabelTally:
    """Number of a classifier's predictions, by label."""

    def __init__(self, manifest: Signature) -> None:
        self._lock = threading.Lock()
        self._rows: Counter[str | int | float | bool] = Counter(
            dict.fromkeys(manifest.classes or (), 0)
        )

    def count(self, values: Array) -> None:
        labels = values.tolist()
        with self._lock:
            if len(labels) == 1:
                self._rows[labels[0]] += 1
            else:
                self._rows.update(labels)

    def families(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily

        family = CounterMetricFamily(
            "perennial_predicted_classes",
            "Predictions of the version that serves, since it serves, by label.",
            labels=["label"],
        )
        with self._lock:
            rows = list(self._rows.items())
        for label, number in rows:
            family.add_metric([label if isinstance(label, str) else json.dumps(label)], number)
        yield family


def new_tally(manifest: Signature) -> Tally:
    """Return the tally of a version that has answered nothing yet."""
    return ValueTally() if manifest.task is Task.REGRESSION else LabelTally(manifest)


def _sums(values: Array) -> tuple[int, float, float]:
    """Return number, sum and sum of squares of the predictions that are not too large."""
    if len(values) == 1:  # most requests; numpy's sums take longer than the rest together
        value = values.item()
        return (1, value, value * value) if abs(value) <= _LARGEST else (0, 0.0, 0.0)
    kept = values[np.abs(values) <= _LARGEST]
    return len(kept), float(kept.sum()), float(kept @ kept)
