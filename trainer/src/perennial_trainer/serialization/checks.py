"""Chooses the rows for which artifact and estimator must predict the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from perennial_core.artifact import Predictions
from perennial_core.artifact.frame import estimator_predictions
from perennial_core.manifest import Column, ColumnType, Signature, Task
from perennial_trainer.data.holdout import Division
from perennial_trainer.failure import SpecError

_TRAINING_ROWS = 1000
_MISSING_ROWS = 100
_UNKNOWN_ROWS = 20
_UNKNOWN = "a text that is not in the data"


@dataclass(frozen=True)
class Checked:
    """Rows and what the estimator itself predicts for them."""

    features: pd.DataFrame
    expected: Predictions


def build_checks(estimator: Any, division: Division, signature: Signature) -> tuple[Checked, ...]:
    """Return the holdout, first, and further rows with the fitted estimator's predictions.

    Those are some that it was trained on, some that miss values and some with unknown text: a
    converter can go wrong there where the holdout does not show it.

    Raises:
        SpecError: The estimator does not predict a finite number for every row.
        Exception: Whatever the estimator itself raises.
    """
    training = division.training.features
    certain = [
        division.holdout.features,
        training.iloc[:_TRAINING_ROWS],
        *_missing(training, signature.inputs),
    ]
    checks = [Checked(rows, _predict(estimator, rows, signature)) for rows in certain]
    for rows in _with_unknown_text(training, signature.inputs):
        try:
            checks.append(Checked(rows, _predict(estimator, rows, signature)))
        except Exception:  # noqa: BLE001 - such as of an encoder that is told to refuse them
            continue
    return tuple(checks)


def _missing(training: pd.DataFrame, inputs: Sequence[Column]) -> Iterator[pd.DataFrame]:
    """Yield rows that miss a value, for each column where some do."""
    for column in inputs:
        if column.nullable:
            rows = np.flatnonzero(training[column.name].isna().to_numpy())[:_MISSING_ROWS]
            if rows.size:
                yield training.iloc[rows]


def _with_unknown_text(training: pd.DataFrame, inputs: Sequence[Column]) -> Iterator[pd.DataFrame]:
    texts = [column.name for column in inputs if column.type is ColumnType.STRING]
    if texts:
        yield training.iloc[:_UNKNOWN_ROWS].assign(**dict.fromkeys(texts, _unknown_text(training)))


def _unknown_text(training: pd.DataFrame) -> pd.Series:
    rows = training.index[:_UNKNOWN_ROWS]
    return pd.Series([_UNKNOWN] * len(rows), index=rows, dtype=object)


def _predict(estimator: Any, rows: pd.DataFrame, signature: Signature) -> Predictions:
    predictions = estimator_predictions(estimator, rows, signature)
    numbers = predictions.values if signature.task is Task.REGRESSION else predictions.probabilities
    if numbers is not None and not np.isfinite(numbers).all():
        raise SpecError(
            "spec.training.estimator: it does not predict a finite number for every row"
        )
    return predictions
