"""Tensors and their datatypes.

Source: Open Inference Protocol, version 2, "Tensor Data Types".
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import msgspec
import numpy as np

from perennial_core.artifact.model import Array
from perennial_core.manifest import ColumnType
from perennial_predictor.v2.refusals import named, refused

BYTES = "BYTES"
BOOL = "BOOL"

DTYPES: Mapping[str, np.dtype[Any]] = {
    BOOL: np.dtype("?"),
    **{f"UINT{bits}": np.dtype(f"<u{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"INT{bits}": np.dtype(f"<i{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": np.dtype(f"<f{bits // 8}") for bits in (16, 32, 64)},
    BYTES: np.dtype(object),
}
"""How the elements of a tensor are held; those of BYTES are str, or None where one is missing."""

MOST_DIMENSIONS = 8

DATATYPES: Mapping[ColumnType, str] = {
    ColumnType.FLOAT64: "FP64",
    ColumnType.FLOAT32: "FP32",
    ColumnType.INT64: "INT64",
    ColumnType.BOOL: BOOL,
    ColumnType.STRING: BYTES,
}
"""The datatype that a column's values have without loss."""


class Tensor(msgspec.Struct, frozen=True):
    """An input or an output. A struct is made in a third of the time of a dataclass."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: Array
    """All elements in row-major order, shape (product of ``shape``,)."""


def checked_dtype(name: str, datatype: str) -> np.dtype[Any]:
    """Return how the elements of an input are held.

    Raises:
        Problem: The protocol has no such datatype.
    """
    dtype = DTYPES.get(datatype)
    if dtype is None:
        raise refused(name, f"no datatype {named(datatype)}; there are {', '.join(DTYPES)}")
    return dtype


def input_tensor(name: str, datatype: str, shape: tuple[int, ...], values: Array) -> Tensor:
    """Return an input.

    Raises:
        Problem: Shape and number of values do not agree.
    """
    if len(shape) > MOST_DIMENSIONS:
        raise refused(name, f"the shape has {len(shape)} dimensions, over {MOST_DIMENSIONS}")
    if shape and min(shape) < 0:
        raise refused(name, f"the shape is {list(shape)}; no extent can be negative")
    if prod(shape) != len(values):
        raise refused(
            name,
            f"the shape {list(shape)} has {prod(shape)} elements, the data {len(values)}",
        )
    return Tensor(name, datatype, shape, values)
