"""Messages as methods read them: gRPC itself answers what is no message with UNKNOWN."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from typing import Any, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from grpc.aio import ServicerContext

from perennial_predictor.problems import Problem
from perennial_predictor.v2.refusals import invalid

M = TypeVar("M", bound=Message)


def read(kind: type[M], message: bytes) -> M:
    """Return the message that bytes are.

    Raises:
        Problem: They are none of this kind.
    """
    try:
        return kind.FromString(message)
    except DecodeError:
        raise invalid(f"The message is no {kind.DESCRIPTOR.full_name}.") from None


async def read_or_abort(kind: type[M], message: bytes, context: ServicerContext[Any, Any]) -> M:
    """Return the message that bytes are, or end the call with INVALID_ARGUMENT."""
    try:
        return read(kind, message)
    except Problem as problem:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, problem.detail)


async def read_each(
    kind: type[M], messages: AsyncIterable[bytes], context: ServicerContext[Any, Any]
) -> AsyncIterator[M]:
    """Yield messages as ``read_or_abort`` reads them."""
    async for message in messages:
        yield await read_or_abort(kind, message, context)
