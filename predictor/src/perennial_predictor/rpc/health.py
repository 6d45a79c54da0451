"""Health, as Kubernetes' probes and gRPC's load balancers ask for it.

Source: GRPC Health Checking Protocol (grpc.health.v1).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
from grpc.aio import ServicerContext
from grpc_health.v1.health_pb2 import DESCRIPTOR, HealthCheckRequest, HealthCheckResponse

from perennial_predictor.rpc.reading import read_or_abort

HEALTH = DESCRIPTOR.services_by_name["Health"].full_name

_SERVING = HealthCheckResponse.SERVING
_NOT_SERVING = HealthCheckResponse.NOT_SERVING
_UNKNOWN = HealthCheckResponse.SERVICE_UNKNOWN

_LOOK_SECONDS = 0.1
"""How often a change is looked for while somebody watches."""


class Health:
    """The health of the server as a whole ("") and of one service.

    The library's own remembers what it is told, and forgets all watchers when one of them leaves.

    Args:
        service: Its full name.
        is_ready: Says whether it should get requests.
    """

    def __init__(self, service: str, is_ready: Callable[[], bool]) -> None:
        self._services = {"", service}
        self._is_ready = is_ready
        self._ends = False

    def end(self) -> None:
        """Let those that watch go."""
        self._ends = True

    def handler(self) -> grpc.GenericRpcHandler:
        """Return what a server takes."""
        written = HealthCheckResponse.SerializeToString
        methods: dict[str, grpc.RpcMethodHandler[bytes, HealthCheckResponse]] = {
            "Check": grpc.unary_unary_rpc_method_handler(self._check, response_serializer=written),
            "Watch": grpc.unary_stream_rpc_method_handler(self._watch, response_serializer=written),
        }
        return grpc.method_handlers_generic_handler(HEALTH, methods)

    async def _check(
        self, message: bytes, context: ServicerContext[Any, Any]
    ) -> HealthCheckResponse:
        request = await read_or_abort(HealthCheckRequest, message, context)
        status = self._status(request.service)
        if status == _UNKNOWN:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
        return HealthCheckResponse(status=status)

    async def _watch(
        self, message: bytes, context: ServicerContext[Any, Any]
    ) -> AsyncIterator[HealthCheckResponse]:
        request = await read_or_abort(HealthCheckRequest, message, context)
        told = None
        while not self._ends:
            status = self._status(request.service)
            if status != told:
                yield HealthCheckResponse(status=status)
            told = status
            await asyncio.sleep(_LOOK_SECONDS)

    def _status(self, service: str) -> int:
        if service not in self._services:
            return _UNKNOWN
        return _SERVING if self._is_ready() else _NOT_SERVING
