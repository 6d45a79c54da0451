"""How long a model takes, as it is measured when a version is loaded.

That is in CPU time: versions are loaded beside requests, for which the measured call has to wait.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from perennial_core.artifact import Predictions
from perennial_predictor.instances import Row, Rows

Predict = Callable[[Rows], Predictions]

_SAMPLE_ROWS = 16
_MANY_ROWS = 256
"""So many tell what a row takes where sixteen hardly take longer than one."""
_SAMPLES = 3
_LONG_SECONDS = 0.25
"""A model that takes longer for a row is not asked for many only to learn how long that takes."""

_WORTHWHILE = 0.9
"""Rows go together when each then takes less than this share of what it takes alone."""


@dataclass(frozen=True)
class Cost:
    """How long a model takes, in seconds."""

    call: float
    """For each call, whatever the rows."""
    row: float
    """For each row."""

    def of(self, rows: int) -> float:
        """Return how long a call with so many rows takes."""
        return self.call + rows * self.row

    def is_mostly_call(self, rows: int) -> bool:
        """Return whether a call with so many rows takes most of its time whatever the rows."""
        return rows * self.row < self.call

    def rows_in(self, seconds: float) -> int:
        """Return for how many rows a call takes no longer; at least 1."""
        rows = (seconds - self.call) / max(self.row, 1e-9)
        return max(1, int(rows))

    @property
    def favours_batches(self) -> bool:
        """Whether the rows of several requests are better predicted in one call."""
        return self.of(_SAMPLE_ROWS) < _WORTHWHILE * _SAMPLE_ROWS * self.of(1)


def measure(predict: Predict, row: Row) -> Cost:
    """Let a model predict for a row, and for several, and return what that costs.

    Raises:
        InstanceRefused: The model cannot predict for this row.
    """
    alone = _fastest(predict, [row])
    if alone > _LONG_SECONDS:
        return Cost(0.0, alone)
    each = _each(predict, row, _SAMPLE_ROWS, alone)
    if _SAMPLE_ROWS * each < alone:
        each = _each(predict, row, _MANY_ROWS, alone)
    return Cost(max(0.0, alone - each), each)


def _each(predict: Predict, row: Row, rows: int, alone: float) -> float:
    """Return what each further row takes in a call with so many."""
    return max(0.0, _fastest(predict, [row] * rows) - alone) / (rows - 1)


def _fastest(predict: Predict, rows: Rows) -> float:
    taken = []
    for _ in range(_SAMPLES):
        started = time.thread_time()
        predict(rows)
        taken.append(time.thread_time() - started)
    return min(taken)
