"""The methods of the Open Inference Protocol.

Source: Open Inference Protocol, version 2, "GRPC".
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

from perennial_core.identity import ModelKey
from perennial_predictor import problems
from perennial_predictor.drain import Drain
from perennial_predictor.follow import Follower
from perennial_predictor.mirror import Mirror
from perennial_predictor.rpc.calls import Answer
from perennial_predictor.rpc.contents import add_outputs, input_tensors
from perennial_predictor.rpc.open_inference_pb2 import (
    ModelInferRequest,
    ModelInferResponse,
    ModelMetadataRequest,
    ModelMetadataResponse,
    ModelReadyRequest,
    ModelReadyResponse,
    ServerLiveRequest,
    ServerLiveResponse,
    ServerMetadataRequest,
    ServerMetadataResponse,
    ServerReadyRequest,
    ServerReadyResponse,
)
from perennial_predictor.rpc.reading import read
from perennial_predictor.served import ServedVersion
from perennial_predictor.v2.copied import copy_of
from perennial_predictor.v2.messages import TensorMetadata
from perennial_predictor.v2.metadata import server_metadata
from perennial_predictor.v2.refusals import named, not_here
from perennial_predictor.v2.tensor import Tensor

SERVICE = "inference.GRPCInferenceService"

_INLINE_BYTES = 32 * 1024
"""Longer messages are read and written in a thread, so that other requests need not wait."""


class InferenceService:
    """Answers for one model.

    Args:
        key: The model.
        follower: Says whether it is ready.
        drain: Says whether the process is about to end.
        mirror: Copies requests to a shadow.
    """

    def __init__(
        self, key: ModelKey, follower: Follower, drain: Drain, mirror: Mirror | None = None
    ) -> None:
        self._key = key
        self._follower = follower
        self._drain = drain
        self._mirror = mirror

    @property
    def methods(self) -> Mapping[str, Answer]:
        return {
            "ServerLive": self._server_live,
            "ServerReady": self._server_ready,
            "ModelReady": self._model_ready,
            "ServerMetadata": self._server_metadata,
            "ModelMetadata": self._model_metadata,
            "ModelInfer": self._model_infer,
        }

    @property
    def is_ready(self) -> bool:
        return self._follower.readiness(draining=self._drain.under_way).ready

    async def _server_live(self, message: bytes, _: ServedVersion | None) -> bytes:
        read(ServerLiveRequest, message)
        return ServerLiveResponse(live=True).SerializeToString()

    async def _server_ready(self, message: bytes, _: ServedVersion | None) -> bytes:
        read(ServerReadyRequest, message)
        return ServerReadyResponse(ready=self.is_ready).SerializeToString()

    async def _model_ready(self, message: bytes, served: ServedVersion | None) -> bytes:
        request = read(ModelReadyRequest, message)
        self._check_name(request.name)
        if served is not None:
            self._asked(request.name, request.version, served)
        return ModelReadyResponse(ready=self.is_ready).SerializeToString()

    async def _server_metadata(self, message: bytes, _: ServedVersion | None) -> bytes:
        read(ServerMetadataRequest, message)
        metadata = server_metadata()
        return ServerMetadataResponse(
            name=metadata.name, version=metadata.version
        ).SerializeToString()

    async def _model_metadata(self, message: bytes, served: ServedVersion | None) -> bytes:
        request = read(ModelMetadataRequest, message)
        metadata = self._asked(request.name, request.version, served).metadata
        return ModelMetadataResponse(
            name=metadata.name,
            versions=metadata.versions,
            platform=metadata.platform,
            inputs=map(_described, metadata.inputs),
            outputs=map(_described, metadata.outputs),
        ).SerializeToString()

    async def _model_infer(self, message: bytes, served: ServedVersion | None) -> bytes:
        request = read(ModelInferRequest, message)
        asked = self._asked(request.model_name, request.model_version, served)
        wanted = [output.name for output in request.outputs]
        if len(message) <= _INLINE_BYTES:
            tensors = input_tensors(request)
            outputs = await asked.infer(tensors, wanted)
            answer = _answer(request, asked, outputs)
        else:
            tensors = await asyncio.to_thread(input_tensors, request)
            outputs = await asked.infer(tensors, wanted)
            answer = await asyncio.to_thread(_answer, request, asked, outputs)
        if self._mirror is not None and not request.model_version:  # the shadow serves another
            copied = partial(copy_of, asked.metadata, asked.manifest, tensors, outputs)
            held = sum(tensor.values.nbytes for tensor in tensors)
            self._mirror.offer(len(message) + held + len(answer), copied)
        return answer

    def _asked(self, name: str, version: str, served: ServedVersion | None) -> ServedVersion:
        """Return the version that serves, which has to be the one that is asked for.

        Raises:
            Problem: Another model or version is, or none serves yet.
        """
        self._check_name(name)
        if served is None:
            reason = self._follower.readiness(draining=self._drain.under_way).reason
            raise problems.unavailable(f"{self._key}: {reason}")
        if version not in ("", serves := str(served.manifest.version)):
            raise not_here(
                f"version {named(version)} of {name!r} does not serve here; version {serves} does"
            )
        return served

    def _check_name(self, name: str) -> None:
        if name != self._key.name:
            raise not_here(f"no model {named(name)} is here; {self._key.name!r} is")


def _answer(request: ModelInferRequest, served: ServedVersion, outputs: Sequence[Tensor]) -> bytes:
    response = ModelInferResponse(
        model_name=request.model_name,
        model_version=str(served.manifest.version),
        id=request.id,
        parameters=request.parameters,
    )
    add_outputs(response, outputs, raw=bool(request.raw_input_contents))
    return response.SerializeToString()


def _described(tensor: TensorMetadata) -> ModelMetadataResponse.TensorMetadata:
    return ModelMetadataResponse.TensorMetadata(
        name=tensor.name, datatype=tensor.datatype, shape=tensor.shape
    )
