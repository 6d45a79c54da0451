"""The rows as an estimator takes them, checked column by column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from perennial_core.artifact.frame import matrix_frame
from perennial_core.manifest import Column, ColumnType, Task
from perennial_trainer.data.columns import Array, Kind, is_numeric, kind_of, numbers, texts
from perennial_trainer.data.rows import Rows
from perennial_trainer.data.target import Target, read_target
from perennial_trainer.failure import DataError

_COLUMN_TYPES = {
    Kind.NUMBER: ColumnType.FLOAT64,
    Kind.INTEGER: ColumnType.FLOAT64,  # a model of whole numbers can be asked for 1.5
    Kind.BOOL: ColumnType.BOOL,
    Kind.TEXT: ColumnType.STRING,
    Kind.EMPTY: ColumnType.STRING,
}


@dataclass(frozen=True)
class Dataset:
    """Features and target of all rows."""

    source: Rows
    """Where the rows come from, for messages; without their values."""
    inputs: tuple[Column, ...]
    """A feature is nullable when some row misses it."""
    features: pd.DataFrame
    """Shape (rows, features): numbers and bools as float64, texts as objects, missing as NaN."""
    target: Target

    @property
    def name(self) -> str:
        """What to call the data in messages."""
        return self.source.name

    @property
    def count(self) -> int:
        return len(self.features)

    def without_numbers(self) -> Dataset:
        """Return as many rows that hold their texts alone, which need no memory of the numbers."""
        texts = [column.name for column in self.inputs if column.type is ColumnType.STRING]
        return replace(self, features=self.features[texts])


def kinds_of(rows: Rows) -> dict[str, Kind]:
    """Return what the features hold.

    Raises:
        DataError: One holds what no estimator takes, or text in one file and numbers in another.
    """
    return {name: kind_of(rows, name) for name in rows.features}


def column_type(kind: Kind) -> ColumnType:
    """Return the type by which predictors know a feature."""
    return _COLUMN_TYPES[kind]


def build_dataset(rows: Rows, task: Task, known: Mapping[str, Kind] | None = None) -> Dataset:
    """Return the rows as features and target.

    Args:
        rows: All, or a batch.
        task: What is predicted.
        known: What the features hold, where the rows are not all.

    Raises:
        DataError: A column cannot be used; the text names file, column and, for a single value,
            the line.
    """
    target = read_target(rows, task)
    kinds = known or kinds_of(rows)
    numeric = [name for name, kind in kinds.items() if is_numeric(kind)]
    matrix = np.empty((rows.count, len(numeric)), order="F")
    missing: dict[str, bool] = {}
    for position, name in enumerate(numeric):
        numbers(rows, name, matrix[:, position])
        missing[name] = _check_numbers(rows, name, matrix[:, position])
    columns = {
        name: _checked_texts(rows, name) for name, kind in kinds.items() if not is_numeric(kind)
    }
    missing |= {name: bool(pd.isna(values).any()) for name, values in columns.items()}
    inputs = tuple(
        Column(name=name, type=column_type(kind), nullable=missing[name])
        for name, kind in kinds.items()
    )
    return Dataset(rows.without_values(), inputs, _frame(inputs, numeric, matrix, columns), target)


def _check_numbers(rows: Rows, name: str, values: Array) -> bool:
    """Refuse infinite values and a column without any; return whether some are missing."""
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(values.sum()):
            return False
    infinite = np.flatnonzero(np.isinf(values))
    if infinite.size:
        raise DataError(
            f"{rows.place(int(infinite[0]))}: column {name!r} holds an infinite value"
            f" ({infinite.size} {rows.extent}); remove or replace them"
        )
    missing = np.isnan(values)
    if rows.is_all and missing.all():
        raise no_values(rows.name, name)
    return bool(missing.any())


def _checked_texts(rows: Rows, name: str) -> Array:
    values = texts(rows, name)
    if rows.is_all and pd.isna(values).all():
        raise no_values(rows.name, name)
    return values


def no_values(data: str, name: str) -> DataError:
    """Return the error for a column that is empty in all rows."""
    return DataError(
        f"{data}: column {name!r} has no value in any row; fill it, or list the columns to use"
        " in spec.training.data.features"
    )


def _frame(
    inputs: tuple[Column, ...], numeric: list[str], matrix: Array, columns: dict[str, Array]
) -> pd.DataFrame:
    """Return matrix and text columns as one frame, without a copy where all is numbers."""
    if not columns:
        return matrix_frame(inputs, matrix)
    series: dict[str, Array | pd.Series] = {
        name: matrix[:, position] for position, name in enumerate(numeric)
    }
    series |= {name: pd.Series(values, dtype=object) for name, values in columns.items()}
    return pd.DataFrame({column.name: series[column.name] for column in inputs})
