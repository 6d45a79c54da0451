"""Measures a loaded model on rows, be they of the data that it was trained on or of others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from perennial_core.artifact import InstanceRefused, LoadedModel, Predictions
from perennial_core.artifact.model import labels
from perennial_core.errors import brief
from perennial_core.manifest import Column, ColumnType, Signature, Task
from perennial_trainer.data.columns import Array
from perennial_trainer.data.holdout import Part
from perennial_trainer.metrics import scores
from perennial_trainer.serialization.parity import ask


class NotMeasurable(Exception):
    """The model cannot predict for these rows."""


def measured(
    names: Iterable[str], model: LoadedModel, holdout: Part, rows: Signature
) -> dict[str, float | None]:
    """Return the scores of a loaded model.

    Args:
        names: Of scikit-learn's scorers.
        model: Trained on whatever rows.
        holdout: The rows to measure on.
        rows: What they are: inputs, task, and a classifier's labels.

    Raises:
        NotMeasurable: The model cannot predict for such rows; the text says why.
    """
    if model.manifest.task is not rows.task:
        raise NotMeasurable(f"it does {model.manifest.task}, the candidate {rows.task}")
    _check_inputs(model.manifest.inputs, holdout, rows)
    features = holdout.features[[column.name for column in model.manifest.inputs]]
    try:
        predictions = ask(model, features)
    except InstanceRefused as error:
        raise NotMeasurable(brief(error)) from error
    _check_finite(predictions, rows)
    return scores(names, truth(holdout, rows), predictions, model.manifest)


def truth(holdout: Part, signature: Signature) -> Array:
    """Return the true values of the holdout, of the type of the predictions."""
    return (
        holdout.target if signature.task is Task.REGRESSION else labels(holdout.target, signature)
    )


def _check_inputs(inputs: Sequence[Column], holdout: Part, signature: Signature) -> None:
    known = {column.name: column for column in signature.inputs}
    gone = [column.name for column in inputs if column.name not in known]
    if gone:
        raise NotMeasurable(f"it needs the columns {', '.join(gone)}, no longer features")
    for column in inputs:
        is_text = known[column.name].type is ColumnType.STRING
        if is_text != (column.type is ColumnType.STRING):
            raise NotMeasurable(f"column {column.name} was {column.type} for it")
        if not column.nullable and holdout.features[column.name].isna().any():
            raise NotMeasurable(f"column {column.name} misses values, which it cannot take")


def _check_finite(predictions: Predictions, signature: Signature) -> None:
    if signature.task is Task.REGRESSION and not np.isfinite(predictions.values).all():
        raise NotMeasurable("it does not predict a finite number for every row")
