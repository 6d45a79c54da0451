"""Compares an artifact's predictions with the estimator's."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from perennial_core.artifact import LoadedModel, Predictions
from perennial_core.artifact.frame import columns_of
from perennial_trainer.data.columns import Array
from perennial_trainer.serialization.onnx_graph import Precision

TOLERANCES: Final[dict[Precision, float]] = {
    # Ten thousand times what float64 rounds away in a sum of a thousand terms of one size, and far
    # below what any data means.
    "float64": 1e-6,
    # float32 keeps 7 digits; inputs rounded to them and sums of some hundred trees lose up to 3.
    "float32": 1e-4,
}
_ROWS_AT_ONCE = 10_000
"""Some graphs need memory for each pair of a row and a training row."""


class Disparity(Exception):
    """The artifact does not predict what the estimator predicts."""


def ask(model: LoadedModel, features: pd.DataFrame) -> Predictions:
    """Return a loaded model's predictions for rows as estimators take them."""
    pieces = [
        _ask(model, features.iloc[start : start + _ROWS_AT_ONCE])
        for start in range(0, len(features), _ROWS_AT_ONCE)
    ]
    return joined(pieces)


def _ask(model: LoadedModel, features: pd.DataFrame) -> Predictions:
    if model.is_matrix:
        return model.predict_matrix(features.to_numpy())
    return model.predict(columns_of(features))


def joined(pieces: list[Predictions]) -> Predictions:
    """Return predictions for the rows of all pieces, one after the other."""
    if len(pieces) == 1:
        return pieces[0]
    probabilities = [p.probabilities for p in pieces if p.probabilities is not None]
    return Predictions(
        np.concatenate([piece.values for piece in pieces]),
        np.concatenate(probabilities) if probabilities else None,
    )


def picked(predictions: Predictions, rows: Array) -> Predictions:
    """Return the predictions for some rows, chosen by a mask."""
    probabilities = predictions.probabilities
    return Predictions(
        predictions.values[rows], None if probabilities is None else probabilities[rows]
    )


def agree(expected: Predictions, actual: Predictions, tolerance: float) -> bool:
    """Return whether predictions are the same within the tolerance; those for no row are not."""
    if not len(expected.values):
        return False
    try:
        parity_error(expected, actual, tolerance)
    except Disparity:
        return False
    return True


def parity_error(expected: Predictions, actual: Predictions, tolerance: float) -> float:
    """Return how far predictions are apart; what is meant is said at manifest.Parity.

    Raises:
        Disparity: Labels differ, or numbers by more than the tolerance.
    """
    if expected.values.dtype.kind == "f":
        return _within(tolerance, _relative(expected.values, actual.values), "predictions")
    differing = int(np.count_nonzero(expected.values != actual.values))
    if differing:
        raise Disparity(f"labels differ in {differing} of {len(expected.values)} rows")
    if expected.probabilities is None:
        return 0.0
    if actual.probabilities is None or actual.probabilities.shape != expected.probabilities.shape:
        raise Disparity("probabilities are of another shape")
    return _within(
        tolerance, _largest(expected.probabilities - actual.probabilities), "probabilities"
    )


def _relative(expected: Array, actual: Array) -> float:
    difference = _largest(expected - actual)
    return difference / (float(np.ptp(expected)) or _largest(expected) or 1.0)


def _largest(values: Array) -> float:
    return float(np.max(np.abs(values)))


def _within(tolerance: float, error: float, what: str) -> float:
    if not error <= tolerance:  # also for NaN
        raise Disparity(f"{what} differ by {error:.1e}, more than {tolerance:.0e}")
    return error
