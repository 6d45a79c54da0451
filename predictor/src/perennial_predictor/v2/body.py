"""The body of a request and of its answer: JSON, and tensors as bytes after it.

Source: Open Inference Protocol, version 2, and its binary tensor data extension.
"""

from __future__ import annotations

import math
import reprlib
from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import orjson
from msgspec import UNSET

from perennial_core.artifact.model import Array
from perennial_predictor.many_numbers import (
    FEW,
    NOT_PLAIN,
    has_more_lists,
    json_of,
    numbers_of,
    root_of,
)
from perennial_predictor.v2.elements import from_bytes, from_json, to_bytes
from perennial_predictor.v2.messages import (
    InferRequest,
    InferResponse,
    Parameters,
    PlainRequest,
    PlainTensor,
    RequestInput,
    ResponseOutput,
)
from perennial_predictor.v2.refusals import invalid, named, refused
from perennial_predictor.v2.tensor import Tensor, input_tensor

JSON_SIZE = "Inference-Header-Content-Length"
"""The header that says how many bytes of a body are JSON, where tensors follow as bytes."""

BINARY_SIZE = "binary_data_size"
_BINARY = "binary_data"
_ALL_BINARY = "binary_data_output"

_FEW_BYTES = 4096
"""What is longer orjson reads in half the time; what is shorter msgspec does."""

_LARGEST_INTEGER = 2**63

_decoder = msgspec.json.Decoder(InferRequest)
_plain_decoder = msgspec.json.Decoder(PlainRequest)


class Asked(msgspec.Struct, frozen=True):
    """What a request asks for."""

    tensors: Sequence[Tensor]
    outputs: Sequence[str] = ()
    """The outputs that it names; none: all."""
    binary: frozenset[str] | None = frozenset()
    """Those that it wants as bytes; None: all."""
    id: str | None = None
    parameters: Parameters | None = None
    """Those that it gets back."""


class Body(msgspec.Struct, frozen=True):
    """The body of an answer."""

    content: bytes
    json_size: int | None = None
    """How many bytes of it are JSON, where tensors follow as bytes."""
    is_partial: bool = False
    """Whether the client asked for some of the outputs only."""
    outputs: Sequence[Tensor] = ()
    """What stands in it."""


def read(body: bytes, json_size: int | None) -> Asked:
    """Return what a request asks for.

    Args:
        body: Of the request.
        json_size: How many bytes of it are JSON; None: all.

    Raises:
        Problem: It is not what the protocol says; the text names the input.
    """
    if json_size is None and (asked := _plainly_asked(body)):
        return asked
    if json_size is not None and json_size > len(body):
        raise invalid(f"{JSON_SIZE}: {json_size}; the body has {len(body)} bytes")
    text = body if json_size is None else body[:json_size]
    request = _decoded(text)
    tensors = _Reader(text, memoryview(body)[len(text) :]).tensors(request.inputs)
    if not (request.outputs or request.parameters):
        return Asked(tensors, id=request.id)
    return Asked(
        tensors,
        [output.name for output in request.outputs or ()],
        _binary_outputs(request),
        request.id,
        _returned(request.parameters),
    )


def written(name: str, version: int, asked: Asked, outputs: Sequence[Tensor]) -> Body:
    """Return the answer.

    Args:
        name: Of the model.
        version: That answers.
        asked: The request.
        outputs: What it gets.

    Raises:
        Problem: An output that it gets as JSON is not finite.
    """
    messages, parts = [], []
    for output in outputs:
        if asked.binary is None or output.name in asked.binary:
            raw = to_bytes(output.datatype, output.values)
            parts.append(raw)
            rest: dict[str, Any] = {"parameters": {BINARY_SIZE: len(raw)}}
        else:
            rest = {"data": _data(output)}
        messages.append(ResponseOutput(output.name, output.datatype, output.shape, **rest))
    answer = InferResponse(name, str(version), messages, asked.id, asked.parameters)
    head = msgspec.json.encode(answer)
    if parts:
        return Body(b"".join((head, *parts)), len(head), outputs=outputs)
    return Body(head, None, bool(asked.outputs), outputs)


def _plainly_asked(body: bytes) -> Asked | None:
    """Return what a plain request asks for, in half of the time that any other takes.

    None when it is another, or wrong: what is wrong, the reader of the others tells.

    Raises:
        Problem: Shape and number of values do not agree.
    """
    try:
        if len(body) > _FEW_BYTES:
            return _plainly_asked_for_many(body)
        request = _plain_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, *NOT_PLAIN):
        return None
    return Asked(
        [_plain_tensor(each, np.frombuffer(array("d", each.data))) for each in request.inputs],
        id=request.id,
    )


def _plainly_asked_for_many(body: bytes) -> Asked | None:
    """Return the same of a long body. Its objects have as many keys as are asked for: none twice.

    Raises:
        NOT_PLAIN: It is another.
    """
    if b"FP64" not in body:
        return None
    root = root_of(body)
    inputs, name = root["inputs"], root.get("id")
    lists = 1 + 2 * len(inputs)  # theirs, and of each its shape and its data
    if len(inputs) == 0 or len(root) != 1 + ("id" in root) or has_more_lists(body, lists):
        return None
    tensors = [_plain_tensor(_described(each), numbers_of(each["data"])) for each in inputs]
    return Asked(tensors, id=msgspec.convert(name, str | None))


def _described(each: Mapping[str, Any]) -> PlainTensor:
    """Return what an input says of its data.

    Raises:
        NOT_PLAIN: It says more or less.
    """
    if len(each) != 4:
        raise KeyError
    described = {name: each[name] for name in ("name", "datatype")}
    return msgspec.convert({**described, "shape": each["shape"].as_list()}, PlainTensor)


def _plain_tensor(each: PlainTensor, values: Array) -> Tensor:
    return input_tensor(each.name, each.datatype, each.shape, values)


def _decoded(text: bytes) -> InferRequest:
    try:
        if len(text) <= _FEW_BYTES:
            return _decoder.decode(text.decode())  # msgspec passes over what is no UTF-8
        return msgspec.convert(orjson.loads(text), InferRequest)
    except msgspec.ValidationError as error:
        raise invalid(str(error).replace("$.", "")) from None
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise invalid(_why_no_json(text, error)) from None


def _why_no_json(text: bytes, error: Exception) -> str:
    why = str(error).removeprefix("JSON is malformed: ")
    if b"NaN" in text or b"Infinity" in text:
        why += "; JSON has neither NaN nor Infinity, but tensors as bytes have"
    return f"The body is not JSON: {why}."


class _Reader:
    """Reads the inputs of a request.

    Args:
        text: The JSON.
        raw: What follows it.
    """

    def __init__(self, text: bytes, raw: memoryview) -> None:
        self._raw = raw
        # Letters of true and false that are in no key of a plain request.
        self._may_hold_bools = b"r" in text or b"l" in text

    def tensors(self, inputs: Sequence[RequestInput]) -> list[Tensor]:
        tensors = [self._tensor(each) for each in inputs]
        if self._raw:
            raise invalid(f"{len(self._raw)} bytes follow that belong to no input")
        return tensors

    def _tensor(self, each: RequestInput) -> Tensor:
        size = each.parameters.get(BINARY_SIZE) if each.parameters else None
        if size is None:
            values = self._from_json(each)
        else:
            values = from_bytes(each.name, each.datatype, self._next(each, size))
        return input_tensor(each.name, each.datatype, each.shape, values)

    def _from_json(self, each: RequestInput) -> Array:
        if each.data is UNSET:
            raise refused(each.name, f"give data, or the parameter {BINARY_SIZE} and bytes")
        values, nested = from_json(
            each.name, each.datatype, each.data, may_hold_bools=self._may_hold_bools
        )
        if len(nested) > 1 and nested != each.shape:
            shapes = f"the shape is {list(each.shape)}, that of data {list(nested)}"
            raise refused(each.name, shapes)
        return values

    def _next(self, each: RequestInput, size: Any) -> memoryview:
        if each.data is not UNSET:
            raise refused(each.name, f"give either data or the parameter {BINARY_SIZE}")
        if type(size) is not int or not 0 <= size <= len(self._raw):
            shown, left = reprlib.repr(size), len(self._raw)
            raise refused(each.name, f"{BINARY_SIZE} is {shown}; {left} bytes are left")
        part, self._raw = self._raw[:size], self._raw[size:]
        return part


def _data(output: Tensor) -> list[Any] | msgspec.Raw:
    """Return the elements of an output as JSON has them."""
    values = output.values
    if values.dtype == object or len(values) <= FEW:
        elements: list[Any] = values.tolist()
        if values.dtype.kind == "f" and not math.isfinite(sum(elements)):
            _refuse_non_finite(output)
        return elements
    if values.dtype.kind == "f":
        _refuse_non_finite(output)
    return json_of(values)


def _refuse_non_finite(output: Tensor) -> None:
    finite = np.isfinite(output.values)
    if not finite.all():
        raise invalid(
            f"output {named(output.name)}, element {int(finite.argmin())}: is not a finite number,"
            " which JSON cannot carry; the values are too far from those of the training data"
        )


def _binary_outputs(request: InferRequest) -> frozenset[str] | None:
    by_default = (request.parameters or {}).get(_ALL_BINARY) is True
    if not request.outputs:
        return None if by_default else frozenset()
    return frozenset(
        output.name
        for output in request.outputs
        if (output.parameters or {}).get(_BINARY, by_default) is True
    )


def _returned(parameters: Parameters | None) -> Parameters | None:
    """Return the parameters that an answer repeats: the plain ones that do not speak of it."""
    if not parameters:
        return None
    return {
        name: value
        for name, value in parameters.items()
        if name != _ALL_BINARY and _is_plain(value)
    } or None


def _is_plain(value: object) -> bool:
    if isinstance(value, int):
        return -_LARGEST_INTEGER <= value < _LARGEST_INTEGER
    return isinstance(value, str | float)
