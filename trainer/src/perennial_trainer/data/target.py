"""The column to predict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import pandas as pd
import pyarrow as pa

from perennial_core.manifest import Column, ColumnType, Task
from perennial_trainer.data.columns import (
    Array,
    Kind,
    integers,
    is_comma_number,
    is_numeric,
    kind_of,
    numbers,
    texts,
)
from perennial_trainer.data.rows import Rows
from perennial_trainer.failure import DataError

_TOO_LARGE = 2.0**63


@dataclass(frozen=True)
class Target:
    """What to predict."""

    column: Column
    """The type of the answers; for a regressor float64."""
    values: Array
    """Shape (rows,). Regression: float64. Classification: int64 or texts; bools as 0 and 1."""


def read_target(rows: Rows, task: Task) -> Target:
    """Return the target of every row.

    Raises:
        DataError: A value is missing, infinite or not of a kind that the task predicts.
    """
    kind = kind_of(rows, rows.target)
    if kind is Kind.EMPTY:
        raise _no_values(rows)
    if task is Task.REGRESSION:
        return _target(rows, ColumnType.FLOAT64, _finite_numbers(rows, kind))
    return _labels(rows, kind)


def _target(rows: Rows, column_type: ColumnType, values: Array) -> Target:
    return Target(Column(name=rows.target, type=column_type), values)


def _labels(rows: Rows, kind: Kind) -> Target:
    if kind is Kind.TEXT:
        values, column_type = texts(rows, rows.target), ColumnType.STRING
        _refuse_missing(rows, pd.isna(values))
    else:
        values = _whole(rows, _finite_numbers(rows, kind), kind)
        column_type = ColumnType.BOOL if kind is Kind.BOOL else ColumnType.INT64
    if rows.is_all:
        refuse_single_class(rows.name, rows.target, pd.unique(values).tolist())
    return _target(rows, column_type, values)


def refuse_single_class(name: str, target: str, classes: Sequence[object]) -> None:
    """Raise DataError where a target holds no two classes; ``name`` is that of the data."""
    if len(classes) == 1:
        raise DataError(
            f"{name}: the target column {target!r} holds a single class, {classes[0]!r};"
            " a classifier needs two or more"
        )


def _whole(rows: Rows, values: Array, kind: Kind) -> Array:
    """Return labels as int64; floats come about where a file writes 1.0 for 1."""
    if kind is not Kind.NUMBER:
        try:
            return integers(rows, rows.target)
        except pa.ArrowInvalid:  # of unsigned numbers
            raise _too_large(rows, values) from None
    if not _fits(values).all():
        raise _too_large(rows, values)
    fractions = np.flatnonzero(values != np.floor(values))
    if fractions.size:
        row = int(fractions[0])
        raise DataError(
            f"{rows.place(row)}: the target column {rows.target!r} holds {values[row]:g}; a"
            " classifier needs labels: text, whole numbers or true and false"
        )
    return values.astype(np.int64)


def _fits(values: Array) -> Array:
    return (values >= -_TOO_LARGE) & (values < _TOO_LARGE)


def _too_large(rows: Rows, values: Array) -> DataError:
    row = int(np.argmin(_fits(values)))
    return DataError(
        f"{rows.place(row)}: the target column {rows.target!r} holds {values[row]:.15g}; a label"
        " that is a whole number has at most 63 bits: number the classes anew, or make them texts"
    )


def _finite_numbers(rows: Rows, kind: Kind) -> Array:
    if not is_numeric(kind):
        _refuse_texts(rows)
    values = np.empty(rows.count)
    numbers(rows, rows.target, values)
    _refuse_missing(rows, np.isnan(values))
    infinite = np.flatnonzero(np.isinf(values))
    if infinite.size:
        raise DataError(
            f"{rows.place(int(infinite[0]))}: the target column {rows.target!r} holds an infinite"
            " value"
        )
    return values


def _no_values(rows: Rows) -> DataError:
    return DataError(
        f"{rows.name}: the target column {rows.target!r} has no value in any row; fill it, or name"
        " another in spec.training.data.target"
    )


def _refuse_missing(rows: Rows, missing: Array) -> None:
    if rows.is_all and missing.all():
        raise _no_values(rows)
    if missing.any():
        raise DataError(
            f"{rows.place(int(np.argmax(missing)))}: the target column {rows.target!r} has no value"
            f" ({int(missing.sum())} {rows.extent}); fill them or remove the rows"
        )


def _refuse_texts(rows: Rows) -> NoReturn:
    """Tell where the first value stands that is no number, or the first one where all are numbers
    in quotes."""
    values = pd.Series(texts(rows, rows.target), dtype=object)
    if values.isna().all():
        raise _no_values(rows)
    wrong = pd.to_numeric(values, errors="coerce").isna() & values.notna()
    row = int(np.argmax((wrong if wrong.any() else values.notna()).to_numpy()))
    comma = ", without commas" if is_comma_number(values[row]) else ""
    raise DataError(
        f"{rows.place(row)}: the target column {rows.target!r} holds text, {values[row]!r}; a"
        f" regressor needs numbers{comma}"
    )
