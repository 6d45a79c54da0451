"""From the tensors of a request to rows for the model."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from perennial_core.artifact.model import Array
from perennial_core.manifest import FLOAT32_LIMIT, Column, ColumnType
from perennial_predictor.instances import Rows
from perennial_predictor.v2.refusals import invalid, refused
from perennial_predictor.v2.tensor import BOOL, BYTES, Tensor

MATRIX = "input-0"
"""The name of the one tensor that has all features of a model without text."""

_SHOWN = 20
_FEW = 64
"""So few numbers Python adds faster than NumPy."""


class TensorReader:
    """Reads the tensors of a request for a model with these inputs.

    A tensor for each feature, of shape [n] or [n, 1]; or where no feature is text, one that is
    called ``input-0``, of shape [n, features].

    Args:
        inputs: The model's input columns.
        max_instances: How many rows one request may have.
    """

    def __init__(self, inputs: Sequence[Column], max_instances: int) -> None:
        self._inputs = inputs
        self._columns = {column.name: column for column in inputs}
        self._of_each_type = list({column.type: column for column in inputs}.values())
        self._max_instances = max_instances
        self._is_matrix = all(column.type is not ColumnType.STRING for column in inputs)
        self._takes_any_number = all(column.type is ColumnType.FLOAT64 for column in inputs)

    def rows(self, tensors: Sequence[Tensor]) -> Rows:
        """Return the rows of a request.

        Raises:
            Problem: The tensors are not what the model takes; the text names input and row.
        """
        if not self._is_matrix:
            return self._mixed(self._by_name(tensors))
        if len(tensors) == 1 and tensors[0].name == MATRIX and MATRIX not in self._columns:
            matrix = self._matrix(tensors[0])
        else:
            matrix = self._stacked(self._by_name(tensors))
        self._check_matrix(matrix)
        return matrix

    def _matrix(self, tensor: Tensor) -> Array:
        """Return the one tensor with all features as float64."""
        width = len(self._inputs)
        if len(tensor.shape) != 2 or tensor.shape[1] != width:
            raise refused(
                MATRIX,
                f"the shape is {list(tensor.shape)}; expected [n, {width}], for {self._listed()}",
            )
        self._check_number(MATRIX, tensor.shape[0])
        if tensor.datatype in (BOOL, BYTES):
            for column in self._of_each_type:
                _check_datatype(column, tensor)
        return tensor.values.astype(np.float64, copy=False).reshape(tensor.shape)

    def _stacked(self, tensors: dict[str, Tensor]) -> Array:
        """Return a tensor for each feature as the columns of a matrix of float64."""
        matrix = np.empty((self._number(tensors), len(self._inputs)))
        for index, column in enumerate(self._inputs):
            matrix[:, index] = tensors[column.name].values
        return matrix

    def _mixed(self, tensors: dict[str, Tensor]) -> Rows:
        self._number(tensors)
        values = [_plain(column, tensors[column.name]) for column in self._inputs]
        return list(zip(*values, strict=True))

    def _by_name(self, tensors: Sequence[Tensor]) -> dict[str, Tensor]:
        """Return a tensor for each feature, of the right rank and datatype."""
        by_name = {tensor.name: tensor for tensor in tensors}
        if len(by_name) != len(tensors) or by_name.keys() != self._columns.keys():
            self._refuse_names([tensor.name for tensor in tensors])
        for name, column in self._columns.items():
            tensor = by_name[name]
            if len(tensor.shape) not in (1, 2) or tensor.shape[1:] not in ((), (1,)):
                shape = list(tensor.shape)
                raise refused(name, f"the shape is {shape}; expected [n] or [n, 1]")
            _check_datatype(column, tensor)
        return by_name

    def _refuse_names(self, names: Sequence[str]) -> None:
        if self._is_matrix and MATRIX in names and MATRIX not in self._columns:
            raise refused(MATRIX, "has all features; send no other input with it")
        if twice := [name for name, count in Counter(names).items() if count > 1]:
            raise refused(twice[0], "given more than once")
        if unknown := [name for name in names if name not in self._columns]:
            raise refused(unknown[0], f"not an input of the model; {self._expected()}")
        missing = next(name for name in self._columns if name not in names)
        raise refused(missing, f"missing; {self._expected()}")

    def _number(self, tensors: dict[str, Tensor]) -> int:
        """Return the number of rows, the same of all tensors."""
        first = self._inputs[0].name
        number = tensors[first].shape[0]
        for name, tensor in tensors.items():
            if tensor.shape[0] != number:
                raise refused(name, f"has {tensor.shape[0]} rows, input {first!r} has {number}")
        self._check_number(first, number)
        return number

    def _check_number(self, name: str, rows: int) -> None:
        if not 1 <= rows <= self._max_instances:
            raise refused(name, f"{rows} rows; send 1 to {self._max_instances}")

    def _check_matrix(self, matrix: Array) -> None:
        if self._takes_any_number and _is_finite(matrix):
            return  # nearly always so
        for index, column in enumerate(self._inputs):
            _check_values(column, matrix[:, index])

    def _expected(self) -> str:
        matrix = f", or one tensor {MATRIX!r} with all of them" if self._is_matrix else ""
        return f"expected {self._listed()}{matrix}"

    def _listed(self) -> str:
        names = list(self._columns)
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        return ", ".join(map(repr, names[:_SHOWN])) + more


def _is_finite(matrix: Array) -> bool:
    """Return whether all numbers are finite; False also of a few that add up to too much."""
    if matrix.size <= _FEW:
        return math.isfinite(sum(matrix.ravel().tolist()))
    return bool(np.isfinite(matrix).all())


def _check_datatype(column: Column, tensor: Tensor) -> None:
    """Refuse text for numbers, numbers for text, and bools for what is none."""
    if column.type is ColumnType.STRING:
        expected = "BYTES" if tensor.datatype != BYTES else None
    elif column.type is ColumnType.BOOL:
        expected = "BOOL" if tensor.datatype == BYTES else None
    else:
        expected = f"a number ({column.type})" if tensor.datatype in (BYTES, BOOL) else None
    if expected:
        raise refused(tensor.name, f"the datatype is {tensor.datatype}; expected {expected}")


def _plain(column: Column, tensor: Tensor) -> list[object]:
    """Return a column's values as rows hold them, missing ones as None."""
    if column.type is not ColumnType.STRING:
        _check_values(column, tensor.values.astype(np.float64, copy=False))
        return [None if value != value else value for value in tensor.values.tolist()]
    if not column.nullable and None in (values := tensor.values.tolist()):
        raise invalid(f"input {column.name!r}, row {values.index(None)}: the value is missing")
    return list(tensor.values)


def _check_values(column: Column, values: Array) -> None:
    """Refuse numbers, as float64, that a column does not have."""
    wrong = _is_wrong(column.type, values)
    if column.nullable:
        wrong &= ~np.isnan(values)
    if wrong.any():
        row = int(wrong.argmax())
        value = values[row]
        why = "the value is missing" if np.isnan(value) else f"{value} is not {_WORDS[column.type]}"
        raise invalid(f"input {column.name!r}, row {row}: {why}")


def _is_wrong(kind: ColumnType, values: Array) -> Array:
    if kind is ColumnType.FLOAT64:
        return ~np.isfinite(values)
    if kind is ColumnType.FLOAT32:
        return ~(np.abs(values) < FLOAT32_LIMIT)
    if kind is ColumnType.INT64:
        return np.asarray(~((np.abs(values) <= 2.0**63) & (values == np.trunc(values))))
    return np.asarray((values != 0) & (values != 1))


_WORDS = {
    ColumnType.FLOAT64: "a finite number",
    ColumnType.FLOAT32: "a finite number within float32",
    ColumnType.INT64: "an integer of 64 bits",
    ColumnType.BOOL: "true or false (1 or 0)",
}
