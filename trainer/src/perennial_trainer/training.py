"""Fits the estimator, serializes and measures it: all of a run that needs no registry.

What is published is fitted on the training part alone, so that what was measured on the holdout is
what is served.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from perennial_core.manifest import (
    ArtifactFormat,
    Column,
    ColumnType,
    Metrics,
    Rows,
    Signature,
    Task,
)
from perennial_core.order import TrainingOrder
from perennial_trainer.data.dataset import Dataset
from perennial_trainer.data.holdout import Part, divide
from perennial_trainer.estimator.build import name_of
from perennial_trainer.estimator.preprocessing import with_preprocessing
from perennial_trainer.failure import SpecError, brief
from perennial_trainer.incumbent import Incumbent, truth, with_incumbent
from perennial_trainer.metrics import scores
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


def train(
    order: TrainingOrder,
    estimator: Any,
    task: Task,
    dataset: Dataset,
    incumbent: Incumbent | None,
    trusted_types: Sequence[str],
) -> Candidate:
    """Return the fitted, serialized and measured model.

    Args:
        order: What to train.
        estimator: Unfitted, as the spec describes it.
        task: What it predicts.
        dataset: All rows.
        incumbent: What serves, to be measured on the same holdout.
        trusted_types: Types that a skops artifact may need beyond the project's own list.

    Raises:
        DataError: The rows do not suffice.
        SpecError: The estimator cannot be fitted to the rows, or not be published.
    """
    spec = order.training.estimator
    if spec.steps is None:
        estimator = with_preprocessing(estimator, dataset)
    division = divide(dataset, order.training.data.holdout, task)
    _fit(estimator, division.training, name_of(spec))
    signature = _signature(order.model, estimator, task, dataset)
    checks = build_checks(estimator, division, signature)
    serialized = serialize(estimator, signature, checks, trusted_types)
    holdout, signature = division.holdout, serialized.signature
    candidate = scores(truth(holdout, signature), serialized.predictions[0], signature)
    return Candidate(
        serialized,
        with_incumbent(candidate, incumbent, holdout, signature),
        Rows(training=len(division.training), holdout=len(holdout)),
        _example(holdout, signature.inputs),
    )


def _fit(estimator: Any, part: Part, name: str) -> None:
    try:
        estimator.fit(part.features, part.target)
    except Exception as error:  # whatever it raises, spec or data have to change
        raise SpecError(
            f"spec.training.estimator: {name} cannot be fitted to this data: {brief(error)}"
        ) from error


def _signature(model: str, estimator: Any, task: Task, dataset: Dataset) -> Signature:
    return Signature(
        model=model,
        format=ArtifactFormat.ONNX,
        inputs=list(dataset.inputs),
        outputs=[dataset.target.column],
        task=task,
        classes=_classes(estimator, dataset.target.column) if task is Task.CLASSIFICATION else None,
        libraries={},
    )


def _classes(estimator: Any, target: Column) -> list[str | int | float | bool]:
    classes = estimator.classes_.tolist()
    return [bool(label) for label in classes] if target.type is ColumnType.BOOL else classes


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
