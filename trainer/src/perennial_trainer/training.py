"""Fits the estimator, serializes and measures it: all of a run that needs no registry.

What is published is fitted on the training part alone, so that what was measured on the holdout is
what is served.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from perennial_core.artifact.examples import ask_examples
from perennial_core.manifest import (
    ArtifactFormat,
    Column,
    ColumnProfile,
    ColumnType,
    Drift,
    ExampleResult,
    Metrics,
    Rows,
    Signature,
    Task,
)
from perennial_core.order import TrainingOrder
from perennial_trainer.data.columns import Array
from perennial_trainer.data.dataset import Dataset
from perennial_trainer.data.holdout import Division, Part, check_trainable
from perennial_trainer.drift import distributions, drift_since, profiles
from perennial_trainer.estimator.named_columns import check_named_columns
from perennial_trainer.estimator.preprocessing import with_preprocessing
from perennial_trainer.estimator.refusing import refusing_fit, refusing_prediction
from perennial_trainer.incumbent import Incumbent, with_incumbent
from perennial_trainer.measuring import truth
from perennial_trainer.metrics import metric_names, scores
from perennial_trainer.scorers import check_classes
from perennial_trainer.serialization.checks import build_checks
from perennial_trainer.serialization.serialize import Serialized, serialize

Example = list[str | int | float | bool | None]


@dataclass(frozen=True)
class Candidate:
    """A model that can be published."""

    serialized: Serialized
    metrics: Metrics
    rows: Rows
    example: Example
    """The first row of the holdout."""
    examples: list[ExampleResult]
    """What it predicts for the examples of the gate."""
    drift: Drift | None
    """How far the features moved from those of the incumbent; None where there is none."""
    profile: dict[str, ColumnProfile]
    """How the features of the training part are distributed."""


def train(
    order: TrainingOrder,
    estimator: Any,
    task: Task,
    dataset: Dataset,
    division: Division,
    incumbent: Incumbent | None,
    trusted_types: Sequence[str],
) -> Candidate:
    """Return the fitted, serialized and measured model.

    Args:
        order: What to train.
        estimator: Unfitted, as the spec describes it.
        task: What it predicts.
        dataset: What all rows are; of their values only the texts are needed.
        division: All rows, divided.
        incumbent: What serves, to be measured on the same holdout.
        trusted_types: Types that a skops artifact may need beyond the project's own list.

    Raises:
        DataError: The rows to train on do not suffice, or lack a column that the estimator names.
        SpecError: The estimator cannot be fitted to the rows, or not be published; or the gate asks
            for a metric that does not suit it.
    """
    spec = order.training.estimator
    check_named_columns(order.training, dataset)
    check_trainable(dataset, division, task)
    if task is Task.CLASSIFICATION:
        check_labels(order, estimator, np.unique(division.training.target), dataset.target.column)
    if spec.steps is None:
        estimator = with_preprocessing(estimator, dataset)
    with refusing_fit(spec, estimator, dataset):
        _fit(estimator, division.training)
    return published(order, estimator, task, dataset, division, incumbent, trusted_types)


def published(
    order: TrainingOrder,
    estimator: Any,
    task: Task,
    dataset: Dataset,
    division: Division,
    incumbent: Incumbent | None,
    trusted_types: Sequence[str],
) -> Candidate:
    """Return a fitted estimator serialized and measured; arguments and errors as of ``train``."""
    signature = _signature(order.model, estimator, task, dataset)
    if signature.classes is not None:
        gives = hasattr(estimator, "predict_proba")
        check_classes(order.gate, signature.classes, gives_probabilities=gives)
    with refusing_prediction(order.training.estimator, estimator, dataset):
        checks = build_checks(estimator, division, signature)
    serialized = serialize(estimator, signature, checks, trusted_types)
    return _candidate(order, serialized, division, incumbent)


def _candidate(
    order: TrainingOrder, serialized: Serialized, division: Division, incumbent: Incumbent | None
) -> Candidate:
    """Return the model with what was found out about it."""
    holdout, signature = division.holdout, serialized.signature
    names = metric_names(signature.task, order.gate)
    candidate = scores(names, truth(holdout, signature), serialized.predictions[0], signature)
    found = distributions(division.training.features, signature.inputs)
    return Candidate(
        serialized,
        with_incumbent(candidate, incumbent, holdout, signature),
        Rows(training=len(division.training), holdout=len(holdout)),
        _example(holdout, signature.inputs),
        ask_examples(serialized.model, order.gate.examples),
        None if incumbent is None else drift_since(incumbent.version, incumbent.manifest, found),
        profiles(found),
    )


def _fit(estimator: Any, part: Part) -> None:
    estimator.fit(part.features, part.target)


def _signature(model: str, estimator: Any, task: Task, dataset: Dataset) -> Signature:
    return Signature(
        model=model,
        format=ArtifactFormat.ONNX,
        inputs=list(dataset.inputs),
        outputs=[dataset.target.column],
        task=task,
        classes=(
            _labels(estimator.classes_, dataset.target.column)
            if task is Task.CLASSIFICATION
            else None
        ),
        libraries={},
    )


def _labels(classes: Array, target: Column) -> list[str | int | float | bool]:
    labels = classes.tolist()
    return [bool(label) for label in labels] if target.type is ColumnType.BOOL else labels


def check_labels(order: TrainingOrder, estimator: Any, labels: Array, target: Column) -> None:
    """Refuse metrics of the gate that no classifier with these labels has, before it is fitted.

    Raises:
        SpecError: The text names the metric.
    """
    classes = _labels(labels, target)
    check_classes(order.gate, classes, gives_probabilities=_may_give_probabilities(estimator))


def _may_give_probabilities(estimator: Any) -> bool:
    """Return False where no fit could change that; what wraps others may know only when fitted."""
    last = getattr(estimator, "steps", [("", estimator)])[-1][-1]
    return hasattr(last if _knows_its_methods(last) else type(last), "predict_proba")


def _knows_its_methods(estimator: Any) -> bool:
    """Return whether an estimator that was not fitted has the methods that it will have."""
    if not type(estimator).__module__.startswith("sklearn."):
        return False
    return not any(hasattr(value, "fit") for value in estimator.get_params().values())


def _example(holdout: Part, inputs: Sequence[Column]) -> Example:
    return [_plain(holdout.features[column.name].iloc[0], column) for column in inputs]


def _plain(value: Any, column: Column) -> str | float | bool | None:
    if pd.isna(value):
        return None
    match column.type:
        case ColumnType.STRING:
            return str(value)
        case ColumnType.BOOL:
            return bool(value)
        case _:
            return float(value)
