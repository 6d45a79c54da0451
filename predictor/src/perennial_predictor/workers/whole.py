"""What the first process answers for the predictor as a whole, whichever of them is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from perennial_predictor import problems
from perennial_predictor.follow import Follower
from perennial_predictor.routes import Route
from perennial_predictor.served import SERVED
from perennial_predictor.workers.desk import ask

_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})

_SECONDS = 2.0
"""The longest wait for the first process, which may itself wait for one that hangs."""


class _Reply(msgspec.Struct):
    status: int
    media_type: str
    body: bytes


def speaking(routes: Sequence[Route], follower: Follower) -> Callable[[bytes], Awaitable[bytes]]:
    """Return what the first process answers to the others, who ask with a path."""
    endpoints = {route.path.encode(): route.endpoint for route in routes if route.path in _PATHS}

    async def answer(path: bytes) -> bytes:
        response = await endpoints[path](Request({"type": "http", SERVED: follower.current}))
        media_type = response.headers["content-type"]
        return msgspec.msgpack.encode(
            _Reply(response.status_code, media_type, bytes(response.body))
        )

    return answer


def forwarding(first: Path, routes: Sequence[Route]) -> list[Route]:
    """Return the routes with these answered by what the first process says at its address."""
    forward = partial(_forward, first)
    return [replace(each, endpoint=forward) if each.path in _PATHS else each for each in routes]


async def _forward(first: Path, request: Request) -> Response:
    try:
        said = await ask(first, request.scope["path"].encode(), _SECONDS)
    except OSError:
        raise problems.unavailable("the first process of the predictor does not answer") from None
    reply = msgspec.msgpack.decode(said, type=_Reply)
    return Response(reply.body, reply.status, media_type=reply.media_type)
