"""The form in which scikit-learn estimators get their rows, at training as at prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from perennial_core.artifact.model import Array, Predictions, numbers, predictions, texts
from perennial_core.manifest import Column, ColumnType, Signature


def matrix_frame(inputs: Sequence[Column], matrix: Array) -> pd.DataFrame:
    """Return a view of a matrix of numbers, shape (n, features), as named columns."""
    return pd.DataFrame(matrix, columns=[column.name for column in inputs], copy=False)


def mixed_frame(inputs: Sequence[Column], columns: Mapping[str, Array]) -> pd.DataFrame:
    """Return named columns, shape (n,) each, as a frame: float64 numbers, texts as objects.

    Missing values are NaN in both, which scikit-learn's imputers and encoders know as missing.
    """
    return pd.DataFrame(
        {
            column.name: pd.Series(texts(columns[column.name], np.nan), dtype=object)
            if column.type is ColumnType.STRING
            else numbers(columns[column.name])
            for column in inputs
        }
    )


def columns_of(features: pd.DataFrame) -> dict[str, Array]:
    """Return a frame's columns by name, as LoadedModel.predict takes them."""
    return {str(name): features[name].to_numpy() for name in features.columns}


def estimator_predictions(estimator: Any, rows: pd.DataFrame, signature: Signature) -> Predictions:
    """Return what a fitted scikit-learn estimator itself predicts."""
    probable = hasattr(estimator, "predict_proba")
    probabilities = estimator.predict_proba(rows) if probable else None
    return predictions(estimator.predict(rows), probabilities, len(rows), signature)
