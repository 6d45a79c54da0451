"""Asks a candidate's artifact for the predictions that the gate wants to see."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from perennial_core.artifact.model import Array, InstanceRefused, LoadedModel
from perennial_core.errors import brief
from perennial_core.manifest import FLOAT32_LIMIT, Column, ColumnType, ExampleResult
from perennial_core.resource.gate import Example

_NAMES_SHOWN = 20
_WORDS = {
    ColumnType.BOOL: "true or false",
    ColumnType.STRING: "a text",
    ColumnType.INT64: "a whole number",
}
_LEAST_INT, _MOST_INT = -(2**63), 2**63 - 1


class _Refused(Exception):
    """The model would refuse these inputs when it serves; the text says why."""


def ask_examples(model: LoadedModel, examples: Iterable[Example]) -> list[ExampleResult]:
    """Return what the model predicts for each example, or why it does not."""
    return [_asked(model, example.inputs) for example in examples]


def _asked(model: LoadedModel, inputs: Mapping[str, Any]) -> ExampleResult:
    try:
        prediction = _predict(model, inputs)
    except (_Refused, InstanceRefused) as error:
        return ExampleResult(inputs=dict(inputs), problem=brief(error))
    return ExampleResult(inputs=dict(inputs), prediction=prediction)


def _predict(model: LoadedModel, inputs: Mapping[str, Any]) -> str | int | float | bool:
    columns = model.manifest.inputs
    _refuse_unknown(inputs, columns)
    row = {column.name: _array(inputs, column) for column in columns}
    (value,) = model.predict(row).values.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        raise _Refused(
            "the model's prediction is not a finite number; its values are too far from those of"
            " the training data"
        )
    scalar: str | int | float | bool = value
    return scalar


def _refuse_unknown(inputs: Mapping[str, Any], columns: Iterable[Column]) -> None:
    names = [column.name for column in columns]
    unknown = [name for name in inputs if name not in names]
    if unknown:
        more = ", ..." if len(names) > _NAMES_SHOWN else ""
        raise _Refused(f"there is no feature {_listed(unknown)}; there are: {_listed(names)}{more}")


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names[:_NAMES_SHOWN]))


def _array(inputs: Mapping[str, Any], column: Column) -> Array:
    """Return the value of a feature as a column of one row."""
    value = inputs.get(column.name)
    if value is None and not column.nullable:
        what = "must not be null" if column.name in inputs else "is missing"
        raise _Refused(f"feature {column.name!r} {what}; no row of the training data is without it")
    if value is not None and not _is_of(value, column.type):
        kind = _WORDS.get(column.type, "a number")
        raise _Refused(f"feature {column.name!r} must be {kind}, not {value!r:.100}")
    dtype = object if column.type is ColumnType.STRING else np.float64
    return np.array([value], dtype=dtype)


def _is_of(value: object, kind: ColumnType) -> bool:
    match kind:
        case ColumnType.STRING:
            return isinstance(value, str)
        case ColumnType.BOOL:
            return isinstance(value, bool)
        case ColumnType.INT64:
            return type(value) is int and _LEAST_INT <= value <= _MOST_INT
        case _:
            return _is_number(value, kind)


def _is_number(value: object, kind: ColumnType) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if kind is ColumnType.FLOAT32:
        return abs(value) < FLOAT32_LIMIT
    return abs(value) <= sys.float_info.max
