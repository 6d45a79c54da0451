"""What every loaded model can do, whatever its format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial_core.errors import UserError
from perennial_core.manifest import ColumnType, Signature, Task

Array = NDArray[Any]


class ArtifactUnusable(UserError):
    """The artifact cannot be loaded, or is not the model that its manifest describes."""


class InstanceRefused(UserError):
    """The model itself cannot predict for these values, such as a category it was not trained on
    where its encoder refuses unknown ones."""


@dataclass(frozen=True)
class Predictions:
    """The predictions for n rows."""

    values: Array
    """Shape (n,). Regression: float64. Classification: labels, of the type of the classes."""
    probabilities: Array | None = None
    """Shape (n, classes), float32 or float64, in the order of ``manifest.classes``; None for a
    regressor and for a classifier that gives no probabilities."""

    def rows(self, share: slice) -> Predictions:
        """Return the predictions for some of the rows."""
        probabilities = self.probabilities
        return Predictions(
            self.values[share], None if probabilities is None else probabilities[share]
        )


class LoadedModel(ABC):
    """A model that is ready to predict. Its methods may be called from several threads."""

    manifest: Signature
    is_matrix: bool
    """Whether all inputs are numbers, so that ``predict_matrix`` can be used."""

    @abstractmethod
    def predict_matrix(self, matrix: Array) -> Predictions:
        """Predict for rows of numbers, the fast path; only for ``is_matrix``.

        Args:
            matrix: Shape (n, features), any numeric type, columns in the order of
                ``manifest.inputs``, missing values as NaN.

        Raises:
            InstanceRefused: The model cannot predict for these values.
        """

    @abstractmethod
    def predict(self, columns: Mapping[str, Array]) -> Predictions:
        """Predict for named columns.

        Args:
            columns: Each of ``manifest.inputs`` by its name, arrays of shape (n,): numbers, bools
                or, for a string column, objects of str. Missing values as NaN or None.

        Raises:
            InstanceRefused: The model cannot predict for these values.
        """

    def _stacked(self, columns: Mapping[str, Array]) -> Array:
        """Return the columns as a matrix of float64 in the order of the inputs."""
        return np.column_stack([numbers(columns[i.name]) for i in self.manifest.inputs])


def are_numbers(manifest: Signature) -> bool:
    """Return whether no input is text."""
    return all(column.type is not ColumnType.STRING for column in manifest.inputs)


def numbers(column: Array) -> Array:
    """Return a column as float64: bools as 0 and 1, None as NaN."""
    return np.asarray(column, dtype=np.float64)


def texts(column: Array, missing: object) -> Array:
    """Return a column of str as objects, with missing values (NaN, None) replaced."""
    objects = np.array(column, dtype=object)
    objects[[not isinstance(value, str) for value in objects]] = missing
    return objects


def labels(raw: Array, manifest: Signature) -> Array:
    """Return a classifier's raw labels in the type of its classes.

    Estimators are fitted on 0 and 1 where the classes are bools, for ONNX has no bool labels.
    """
    kind = type(manifest.classes[0]) if manifest.classes else object
    return raw.astype(object if kind is str else kind)


def predictions(
    raw: Array, probabilities: Array | None, rows: int, manifest: Signature
) -> Predictions:
    """Return what a model gave for so many rows, in the form that Predictions promises.

    Raises:
        ValueError: It did not give one prediction for each row.
    """
    values = np.asarray(raw).reshape(rows)
    if manifest.task is Task.REGRESSION:
        return Predictions(values.astype(np.float64, copy=False))
    return Predictions(labels(values, manifest), probabilities)
