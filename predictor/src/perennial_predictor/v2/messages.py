"""The protocol's JSON bodies.

Source: Open Inference Protocol, version 2, "HTTP/REST".
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from perennial_predictor.v2.tensor import DTYPES, MOST_DIMENSIONS

Parameters = dict[str, Any]

_Extent = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
_Shape = Annotated[tuple[_Extent, ...], Meta(max_length=MOST_DIMENSIONS)]
_Datatype = Annotated[str, Meta(extra_json_schema={"enum": list(DTYPES)})]


class RequestInput(msgspec.Struct):
    """An input tensor. Its data stands here, flat or nested, or after the JSON."""

    name: str
    shape: _Shape
    datatype: _Datatype
    parameters: Parameters | None = None
    data: Any = UNSET


class PlainTensor(msgspec.Struct, forbid_unknown_fields=True):
    """An input of which nothing is said that need not be, but for its data."""

    name: str
    shape: _Shape
    datatype: Literal["FP64"]


class PlainInput(PlainTensor):
    """The same with its data, which are a flat list."""

    data: list[float]


class PlainRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The body of most requests with few rows, whose numbers are checked while it is parsed."""

    inputs: Annotated[list[PlainInput], Meta(min_length=1)]
    id: str | None = None


class RequestOutput(msgspec.Struct):
    """An output that the client wants."""

    name: str
    parameters: Parameters | None = None


class InferRequest(msgspec.Struct):
    """The body of ``POST .../infer``."""

    inputs: Annotated[list[RequestInput], Meta(min_length=1)]
    id: str | None = None
    parameters: Parameters | None = None
    outputs: list[RequestOutput] | None = None


class ResponseOutput(msgspec.Struct, omit_defaults=True):
    """An output tensor. Without data, that stands after the JSON."""

    name: str
    datatype: _Datatype
    shape: tuple[int, ...]
    parameters: Parameters | None = None
    data: list[Any] | UnsetType = UNSET


class InferResponse(msgspec.Struct, omit_defaults=True):
    """The answer of ``POST .../infer``."""

    model_name: str
    model_version: str
    outputs: list[ResponseOutput]
    id: str | None = None
    parameters: Parameters | None = None


class TensorMetadata(msgspec.Struct):
    """An input or output of the model; -1 stands for any number of rows."""

    name: str
    datatype: _Datatype
    shape: list[int]


class ModelMetadata(msgspec.Struct):
    """The answer of ``GET /v2/models/MODEL``."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ServerMetadata(msgspec.Struct):
    """The answer of ``GET /v2``."""

    name: str
    version: str
    extensions: list[str]


class ServerLive(msgspec.Struct):
    """The answer of ``GET /v2/health/live``."""

    live: bool


class ServerReady(msgspec.Struct):
    """The answer of ``GET /v2/health/ready``."""

    ready: bool


class ModelReady(msgspec.Struct):
    """The answer of ``GET .../ready``."""

    name: str
    ready: bool


class ErrorMessage(msgspec.Struct):
    """The body of an answer that is an error."""

    error: str


ALL = (
    InferRequest,
    InferResponse,
    ModelMetadata,
    ServerMetadata,
    ServerLive,
    ServerReady,
    ModelReady,
    ErrorMessage,
)
