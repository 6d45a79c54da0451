"""Scores predictions by scikit-learn's metrics, under the names of its scorers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    log_loss,
    mean_absolute_error,
    r2_score,
    root_mean_squared_error,
)

from perennial_core.artifact import Predictions
from perennial_core.manifest import Signature, Task
from perennial_trainer.data.columns import Array

Score = Callable[[Array, Predictions, Signature], float]


def _neg_log_loss(truth: Array, predictions: Predictions, signature: Signature) -> float:
    if predictions.probabilities is None:
        return math.nan
    return -float(log_loss(truth, predictions.probabilities, labels=signature.classes))


def _of_values(function: Callable[..., Any], sign: int = 1, **options: Any) -> Score:
    return lambda truth, predictions, _: (
        sign * float(function(truth, predictions.values, **options))
    )


_SCORES: Mapping[Task, Mapping[str, Score]] = {
    Task.REGRESSION: {
        "r2": _of_values(r2_score),
        "neg_mean_absolute_error": _of_values(mean_absolute_error, -1),
        "neg_root_mean_squared_error": _of_values(root_mean_squared_error, -1),
    },
    Task.CLASSIFICATION: {
        "accuracy": _of_values(accuracy_score),
        "balanced_accuracy": _of_values(balanced_accuracy_score),
        "f1_macro": _of_values(f1_score, average="macro", zero_division=0.0),
        "neg_log_loss": _neg_log_loss,
    },
}


def scores(truth: Array, predictions: Predictions, signature: Signature) -> dict[str, float | None]:
    """Return every metric of the task, greater is better; None where one is not defined.

    Args:
        truth: Shape (n,), of the type of the predictions' values.
        predictions: For the same n rows.
        signature: Of the model that predicted.
    """
    return {
        name: _finite(score, truth, predictions, signature)
        for name, score in _SCORES[signature.task].items()
    }


def _finite(
    score: Score, truth: Array, predictions: Predictions, signature: Signature
) -> float | None:
    try:
        value = score(truth, predictions, signature)
    except ValueError:  # such as the log loss of a label that the model does not know
        return None
    return value if math.isfinite(value) else None
