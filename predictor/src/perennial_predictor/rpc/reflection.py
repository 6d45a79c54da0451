"""Reflection: clients ask how the services look.

Source: GRPC Server Reflection Protocol (grpc.reflection.v1alpha).
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import Any

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from grpc.aio import ServicerContext
from grpc_reflection.v1alpha.reflection import SERVICE_NAME, aio
from grpc_reflection.v1alpha.reflection_pb2 import (
    ServerReflectionRequest,
    ServerReflectionResponse,
)

from perennial_predictor.rpc.reading import read_each

REFLECTION: str = SERVICE_NAME


def reflection_handler(services: Iterable[str], pool: DescriptorPool) -> grpc.GenericRpcHandler:
    """Return what a server takes.

    Args:
        services: Their full names.
        pool: Describes them.
    """
    servicer: Any = aio.ReflectionServicer(services, pool=pool)

    async def info(
        messages: AsyncIterable[bytes], context: ServicerContext[Any, Any]
    ) -> AsyncIterator[ServerReflectionResponse]:
        requests = read_each(ServerReflectionRequest, messages, context)
        async for response in servicer.ServerReflectionInfo(requests, context):
            yield response

    method: grpc.RpcMethodHandler[bytes, ServerReflectionResponse] = (
        grpc.stream_stream_rpc_method_handler(
            info, response_serializer=ServerReflectionResponse.SerializeToString
        )
    )
    return grpc.method_handlers_generic_handler(REFLECTION, {"ServerReflectionInfo": method})
