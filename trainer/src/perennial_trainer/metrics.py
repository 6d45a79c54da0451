"""Scores an artifact's predictions by scikit-learn's own scorers."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn import config_context
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import get_scorer
from sklearn.utils import ClassifierTags, RegressorTags, Tags, TargetTags

from perennial_core.artifact import Predictions
from perennial_core.manifest import Signature, Task
from perennial_core.resource.gate import GateSpec
from perennial_trainer.data.columns import Array

DEFAULTS: Mapping[Task, tuple[str, ...]] = {
    Task.REGRESSION: ("r2", "neg_mean_absolute_error", "neg_root_mean_squared_error"),
    Task.CLASSIFICATION: ("accuracy", "balanced_accuracy", "f1_macro", "neg_log_loss"),
}
"""What is measured of every model."""


@dataclass(frozen=True)
class Answered:
    """Predictions that are made already, in the form of a fitted estimator for scorers to ask.

    It has no ``decision_function``, for artifacts have none: scorers that would prefer that take
    the probabilities.
    """

    task: Task
    predictions: Predictions
    classes: Sequence[str | int | float | bool] = ()
    """Of a classifier, in the order of the probabilities."""

    @property
    def classes_(self) -> Array:
        return np.array(self.classes)

    def predict(self, _: object) -> Array:
        return self.predictions.values

    @property
    def predict_proba(self) -> Callable[[object], Array]:
        probabilities = self.predictions.probabilities
        if probabilities is None:
            raise AttributeError("predict_proba")

        def predict_proba(_: object) -> Array:
            return probabilities

        return predict_proba

    def __sklearn_tags__(self) -> Tags:
        target = TargetTags(required=True)
        if self.task is Task.REGRESSION:
            return Tags("regressor", target, regressor_tags=RegressorTags())
        return Tags("classifier", target, classifier_tags=ClassifierTags())


def metric_names(task: Task, gate: GateSpec) -> list[str]:
    """Return the metrics to measure: those of every model, and those that the gate asks for."""
    return list(dict.fromkeys([*DEFAULTS[task], *(metric.name for metric in gate.metrics)]))


def scores(
    names: Iterable[str], truth: Array, predictions: Predictions, signature: Signature
) -> dict[str, float | None]:
    """Return each metric, greater is better; None where one is not defined.

    Args:
        names: Of scikit-learn's scorers.
        truth: Shape (n,), of the type of the predictions' values.
        predictions: For the same n rows.
        signature: Of the model that predicted.
    """
    answered = Answered(signature.task, predictions, signature.classes or ())
    if not _knows_all(truth, signature):  # scorers would take probabilities for the wrong labels
        answered = replace(answered, predictions=replace(predictions, probabilities=None))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        return {name: _finite(name, answered, truth) for name in names}


def ask_scorer(name: str, answered: Answered, truth: Array) -> float:
    """Return what the scorer says, which may be NaN.

    A scorer that cannot do without one of the classes in the truth, such as the log loss, is told
    which classes there are.

    Raises:
        AttributeError: It needs what the model does not give.
        ValueError, TypeError: It is not for such predictions.
    """
    scorer, rows = get_scorer(name), np.empty((len(truth), 0))
    try:
        return float(scorer(answered, rows, truth))
    except ValueError:
        if "labels" not in scorer.get_metadata_routing().score.requests:
            raise
    with config_context(enable_metadata_routing=True):
        return float(scorer(answered, rows, truth, labels=answered.classes_))


def _knows_all(truth: Array, signature: Signature) -> bool:
    return signature.classes is None or set(truth.tolist()) <= set(signature.classes)


def _finite(name: str, answered: Answered, truth: Array) -> float | None:
    try:
        value = ask_scorer(name, answered, truth)
    except (AttributeError, TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None
