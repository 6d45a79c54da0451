"""From rows to predictions to answers: pure functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from operator import methodcaller
from typing import Any

import msgspec
import numpy as np

from perennial_core.artifact import LoadedModel, Predictions
from perennial_core.artifact.model import Array
from perennial_core.manifest import ColumnType, Manifest, Task
from perennial_predictor import problems
from perennial_predictor.instances import Rows
from perennial_predictor.many_numbers import FEW, json_of

Scalar = float | int | bool | str

_few = methodcaller("tolist")


class PredictionsAnswer(msgspec.Struct, omit_defaults=True):
    """The answer to many instances, in their order."""

    predictions: list[Scalar]
    """Numbers of a regressor, labels of a classifier."""
    model: str
    version: int
    classes: list[Scalar] | None = None
    """A classifier's labels, in the order of the probabilities."""
    probabilities: list[list[float]] | None = None
    """For each instance the probability of each class."""


class PredictionAnswer(msgspec.Struct, omit_defaults=True):
    """The answer to one instance."""

    prediction: Scalar
    """The number of a regressor, the label of a classifier."""
    model: str
    version: int
    classes: list[Scalar] | None = None
    """A classifier's labels, in the order of the probabilities."""
    probabilities: list[float] | None = None
    """The probability of each class."""


def predict(model: LoadedModel, rows: Rows) -> Predictions:
    """Return the predictions for rows of values in the order of the model's inputs.

    Raises:
        InstanceRefused: The model cannot predict for these values.
    """
    if model.is_matrix:
        return model.predict_matrix(np.asarray(rows, dtype=np.float64))
    inputs = model.manifest.inputs
    return model.predict(
        {
            column.name: np.array(values, dtype=_dtype(column.type))
            for column, values in zip(inputs, zip(*rows, strict=True), strict=True)
        }
    )


def answer_to_many(manifest: Manifest, predictions: Predictions) -> PredictionsAnswer:
    """Return the answer to the instances of one request.

    Raises:
        Problem: A prediction is no finite number, which JSON cannot carry.
    """
    values, probabilities = predictions.values, predictions.probabilities
    if manifest.task is Task.REGRESSION:
        _refuse_non_finite(values)
    listed: Callable[[Array], Any] = _few if len(values) <= FEW else _many
    return PredictionsAnswer(
        predictions=listed(values),
        model=manifest.model,
        version=manifest.version,
        classes=manifest.classes,
        probabilities=None if probabilities is None else listed(probabilities),
    )


def answer_to_one(manifest: Manifest, predictions: Predictions) -> PredictionAnswer:
    """Return the answer to the only instance of a request.

    Raises:
        Problem: As ``answer_to_many``.
    """
    many = answer_to_many(manifest, predictions)
    return PredictionAnswer(
        prediction=many.predictions[0],
        model=many.model,
        version=many.version,
        classes=many.classes,
        probabilities=many.probabilities[0] if many.probabilities else None,
    )


def _dtype(kind: ColumnType) -> type[Any]:
    return object if kind is ColumnType.STRING else np.float64


def _many(values: Array) -> Any:
    """Return the JSON of an array, which takes the place of its list; of text the list."""
    return json_of(values) if values.dtype.kind in "fib" else values.tolist()


def _refuse_non_finite(values: Array) -> None:
    if len(values) <= FEW and math.isfinite(sum(values.tolist())):
        return  # so few Python adds before NumPy has begun
    finite = np.isfinite(values)
    if not finite.all():
        raise problems.invalid(
            f"instance {int(finite.argmin())}: the model's prediction is not a finite number; its"
            " values are too far from those of the training data"
        )
