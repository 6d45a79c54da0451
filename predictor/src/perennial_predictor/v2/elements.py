"""The elements of a tensor, as JSON and as bytes bring them."""

from __future__ import annotations

import reprlib
import struct
from array import array
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

import numpy as np

from perennial_core.artifact.model import Array
from perennial_predictor.v2.refusals import refused
from perennial_predictor.v2.tensor import BOOL, BYTES, DTYPES, MOST_DIMENSIONS, checked_dtype

_HALF = "FP16"
_LENGTH = struct.Struct("<I")

_TYPECODES: Mapping[str, str] = {
    **dict(zip(("INT8", "INT16", "INT32", "INT64"), "bhiq", strict=True)),
    **dict(zip(("UINT8", "UINT16", "UINT32", "UINT64"), "BHIQ", strict=True)),
    **dict(zip(("FP16", "FP32", "FP64"), "dfd", strict=True)),
}
"""Those of Python's arrays, which check type and range of each element faster than NumPy reads
them. A float of 16 bits has none."""

_INTEGERS = "bhiqBHIQ"
"""The typecodes that have no NaN."""


def from_json(
    name: str, datatype: str, data: Any, *, may_hold_bools: bool = True
) -> tuple[Array, tuple[int, ...]]:
    """Return the elements of a list, flat or nested, shape (n,), and the shape of the nesting.

    Args:
        name: Of the input.
        datatype: What the elements should be. Any may be null, for one that is missing; integers
            and bools are returned as float64 then, with NaN for it.
        data: What JSON brought.
        may_hold_bools: False where the text of the JSON is known to hold none.

    Raises:
        Problem: They are not of this datatype, or the nested lists differ in length.
    """
    checked_dtype(name, datatype)
    elements, shape = _flattened(name, data)
    if datatype == BYTES:
        return _texts(name, elements), shape
    if datatype == BOOL:
        return _bools(name, elements), shape
    if may_hold_bools and bool in set(map(type, elements)):
        raise refused(name, f"data: expected {datatype}, got a boolean")
    return _numbers(name, datatype, elements), shape


def from_bytes(name: str, datatype: str, raw: bytes | memoryview) -> Array:
    """Return the elements that stand in bytes, little-endian, shape (n,).

    Texts have their length in front, in four bytes.

    Raises:
        Problem: The bytes do not hold whole elements of this datatype.
    """
    dtype = checked_dtype(name, datatype)
    if datatype == BYTES:
        return objects(list(_read_texts(name, bytes(raw))))
    if len(raw) % dtype.itemsize:
        raise refused(
            name,
            f"{len(raw)} bytes are not whole elements of {datatype}, {dtype.itemsize} bytes each",
        )
    if datatype == BOOL:
        return np.asarray(np.frombuffer(raw, np.uint8) != 0)
    values = np.frombuffer(raw, dtype)
    return values if values.flags.aligned else values.copy()  # what follows text rarely is


def to_bytes(datatype: str, values: Array) -> bytes:
    """Return elements as ``from_bytes`` reads them."""
    if datatype != BYTES:
        return values.astype(DTYPES[datatype], copy=False).tobytes()
    texts = [value.encode() for value in values]
    return b"".join(part for text in texts for part in (_LENGTH.pack(len(text)), text))


def text(name: str, row: int, raw: bytes) -> str:
    """Return one element of BYTES as text.

    Raises:
        Problem: It is not UTF-8.
    """
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise refused(name, f"element {row}: not UTF-8") from None


def objects(elements: list[Any]) -> Array:
    """Return elements of BYTES as an array, shape (n,)."""
    held = np.empty(len(elements), dtype=object)
    held[:] = elements
    return held


def _flattened(name: str, data: Any) -> tuple[list[Any], tuple[int, ...]]:
    if type(data) is not list:
        raise refused(name, "data: expected a list")
    shape = [len(data)]
    while data and type(data[0]) is list:
        if set(map(type, data)) != {list} or len(set(map(len, data))) > 1:
            raise refused(name, "data: the nested lists differ in depth or length")
        if len(shape) == MOST_DIMENSIONS:
            raise refused(name, f"data: the lists are nested over {MOST_DIMENSIONS} deep")
        shape.append(len(data[0]))
        data = list(chain.from_iterable(data))
    return data, tuple(shape)


def _texts(name: str, elements: list[Any]) -> Array:
    for row, element in enumerate(elements):
        if element is not None and type(element) is not str:
            raise refused(name, _unexpected(row, BYTES, element))
    return objects(elements)


def _bools(name: str, elements: list[Any]) -> Array:
    for row, element in enumerate(elements):
        if element is not None and type(element) is not bool:
            raise refused(name, _unexpected(row, BOOL, element))
    if None in elements:
        return np.array(elements, dtype=np.float64)
    return np.array(elements, dtype=np.bool_)


def _numbers(name: str, datatype: str, elements: list[Any]) -> Array:
    code = _TYPECODES[datatype]
    try:
        numbers = array(code, elements)
    except (TypeError, OverflowError):
        numbers = array("d", _one_by_one(name, datatype, elements))
        if code in _INTEGERS:
            return np.frombuffer(numbers, np.float64)
        numbers = array(code, numbers)
    if datatype != _HALF:
        return np.frombuffer(numbers, DTYPES[datatype])
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused as that
        return np.array(numbers).astype(DTYPES[_HALF])


def _one_by_one(name: str, datatype: str, elements: list[Any]) -> Iterator[float]:
    """Yield numbers, NaN for those that are missing, or say which is none."""
    code = _TYPECODES[datatype]
    for row, element in enumerate(elements):
        if element is None:
            yield np.nan
            continue
        try:
            yield array(code, [element])[0]
        except (TypeError, OverflowError):
            raise refused(name, _unexpected(row, datatype, element)) from None


def _unexpected(row: int, datatype: str, element: object) -> str:
    got = "null" if element is None else reprlib.repr(element)
    return f"data: element {row}: expected {datatype}, got {got}"


def _read_texts(name: str, raw: bytes) -> Iterator[str]:
    begin = row = 0
    while begin < len(raw):
        after = begin + _LENGTH.size
        end = after + _LENGTH.unpack_from(raw, begin)[0] if after <= len(raw) else after
        if end > len(raw):
            raise refused(name, f"element {row}: the bytes end within it")
        yield text(name, row, raw[after:end])
        begin, row = end, row + 1
