"""The tensors of a message: their elements in typed fields, or raw beside the tensors.

Source: Open Inference Protocol, version 2, "GRPC", "Tensor Data".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from perennial_core.artifact.model import Array
from perennial_predictor.rpc.open_inference_pb2 import (
    InferTensorContents,
    ModelInferRequest,
    ModelInferResponse,
)
from perennial_predictor.v2.elements import from_bytes, objects, text, to_bytes
from perennial_predictor.v2.refusals import invalid, refused
from perennial_predictor.v2.tensor import BOOL, BYTES, Tensor, checked_dtype, input_tensor

_FIELDS: Mapping[str, str] = {
    BOOL: "bool_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    "INT64": "int64_contents",
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    BYTES: "bytes_contents",
}
"""Where the elements of a datatype stand. FP16 has no field: it can only be raw."""


def input_tensors(request: ModelInferRequest) -> list[Tensor]:
    """Return the tensors of a request.

    Raises:
        Problem: Their elements are missing, stand in a wrong field, or do not agree with datatype
            or shape.
    """
    raw = request.raw_input_contents
    if not raw:
        return [_typed(given) for given in request.inputs]
    if len(raw) != len(request.inputs):
        raise invalid(
            f"raw_input_contents: {len(raw)} for {len(request.inputs)} inputs; send one for each"
        )
    return [_raw(given, content) for given, content in zip(request.inputs, raw, strict=True)]


def add_outputs(response: ModelInferResponse, tensors: Sequence[Tensor], *, raw: bool) -> None:
    """Add the tensors of an answer, with raw elements or in typed fields."""
    for tensor in tensors:
        output = response.outputs.add(
            name=tensor.name, datatype=tensor.datatype, shape=tensor.shape
        )
        if raw:
            response.raw_output_contents.append(to_bytes(tensor.datatype, tensor.values))
        else:
            field = getattr(output.contents, _FIELDS[tensor.datatype])
            field.extend(_elements(tensor))


def _raw(given: ModelInferRequest.InferInputTensor, content: bytes) -> Tensor:
    if given.HasField("contents"):
        raise refused(given.name, "has contents beside raw_input_contents; send one of them")
    values = from_bytes(given.name, given.datatype, content)
    return input_tensor(given.name, given.datatype, tuple(given.shape), values)


def _typed(given: ModelInferRequest.InferInputTensor) -> Tensor:
    values = _values(given.name, given.datatype, given.contents)
    return input_tensor(given.name, given.datatype, tuple(given.shape), values)


def _values(name: str, datatype: str, contents: InferTensorContents) -> Array:
    """Return the elements in the field for a datatype, shape (n,)."""
    dtype = checked_dtype(name, datatype)
    field = _FIELDS.get(datatype)
    if field is None:
        raise refused(name, f"{datatype} has no field in contents; send raw_input_contents")
    for other, _ in contents.ListFields():
        if other.name != field:
            raise refused(name, f"elements in {other.name}; those of {datatype} are in {field}")
    elements = list(getattr(contents, field))
    if datatype == BYTES:
        return objects([text(name, row, element) for row, element in enumerate(elements)])
    return _numbers(name, datatype, dtype, elements)


def _numbers(name: str, datatype: str, dtype: np.dtype[Any], elements: list[Any]) -> Array:
    """Return numbers as their datatype; small integers come in fields for larger ones."""
    if dtype.kind in "iu" and elements:
        limits = np.iinfo(dtype)
        for extreme in (min(elements), max(elements)):
            if not limits.min <= extreme <= limits.max:
                raise refused(name, f"{extreme} is no {datatype}")
    return np.array(elements, dtype=dtype)


def _elements(tensor: Tensor) -> list[Any]:
    values = tensor.values.tolist()
    return [value.encode() for value in values] if tensor.datatype == BYTES else values
