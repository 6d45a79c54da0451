"""What the first process answers for the predictor as a whole, whichever of them is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import wraps
from pathlib import Path

import msgspec
from starlette.types import Message

from perennial_predictor import problems
from perennial_predictor.follow import Follower
from perennial_predictor.http_answer import Answer
from perennial_predictor.http_request import Request
from perennial_predictor.routes import Endpoint, Route
from perennial_predictor.served import SERVED
from perennial_predictor.workers.desk import ask

_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})

_SECONDS = 2.0
"""The longest wait for the first process, which may itself wait for one that hangs."""


class _Reply(msgspec.Struct):
    status: int
    media_type: bytes
    body: bytes


def speaking(routes: Sequence[Route], follower: Follower) -> Callable[[bytes], Awaitable[bytes]]:
    """Return what the first process answers to the others, who ask with a path."""
    endpoints = {route.path.encode(): route.endpoint for route in routes if route.path in _PATHS}

    async def answer(path: bytes) -> bytes:
        given = await endpoints[path](Request({SERVED: follower.current}, _nothing))
        return msgspec.msgpack.encode(_Reply(given.status, given.media_type, given.body))

    return answer


def forwarding(first: Path, routes: Sequence[Route]) -> list[Route]:
    """Return the routes with these answered by what the first process says at its address."""
    return [
        replace(each, endpoint=_forwarding(first, each.endpoint)) if each.path in _PATHS else each
        for each in routes
    ]


async def _nothing() -> Message:
    """Be what is received of a question, which has no body."""
    return {"type": "http.request"}


def _forwarding(first: Path, endpoint: Endpoint) -> Endpoint:
    @wraps(endpoint)  # its name stands in the OpenAPI document
    async def forward(request: Request) -> Answer:
        try:
            said = await ask(first, request.scope["path"].encode(), _SECONDS)
        except OSError:
            why = "the first process of the predictor does not answer"
            raise problems.unavailable(why) from None
        reply = msgspec.msgpack.decode(said, type=_Reply)
        return Answer(reply.body, reply.status, reply.media_type)

    return forward
