"""The calls of a service: each is counted and stamped, and a Problem becomes its status."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import grpc
import structlog
from grpc.aio import ServicerContext

from perennial_predictor import problems
from perennial_predictor.follow import Follower
from perennial_predictor.metrics import Metrics
from perennial_predictor.problems import Problem
from perennial_predictor.served import ServedVersion

_log = structlog.get_logger(__name__)

Answer = Callable[[bytes, ServedVersion | None], Awaitable[bytes]]
"""Answers a message, with the version that serves when it comes."""

_VERSION = "x-model-version"
_CLIENT_GONE = 499
_LONGEST_TEXT = 2000
"""In bytes: a status is sent in a header, where a byte may take three, and clients take 8 KiB."""

_CODES: Mapping[HTTPStatus, grpc.StatusCode] = {
    HTTPStatus.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: grpc.StatusCode.RESOURCE_EXHAUSTED,
    HTTPStatus.INTERNAL_SERVER_ERROR: grpc.StatusCode.INTERNAL,
    HTTPStatus.SERVICE_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
}
"""All other problems are INVALID_ARGUMENT."""


class Calls:
    """Calls the methods of a service.

    They are counted like requests over HTTP: the route is the method's path, the status that which
    HTTP has for the same.

    Args:
        follower: Holds the version that serves.
        metrics: Count each call.
    """

    def __init__(self, follower: Follower, metrics: Metrics) -> None:
        self._follower = follower
        self._metrics = metrics

    def handler(self, service: str, answers: Mapping[str, Answer]) -> grpc.GenericRpcHandler:
        """Return what a server takes: the methods of a service by name.

        They read the messages themselves: gRPC would answer what is none with UNKNOWN.
        """
        methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            name: grpc.unary_unary_rpc_method_handler(self._method(f"/{service}/{name}", answer))
            for name, answer in answers.items()
        }
        return grpc.method_handlers_generic_handler(service, methods)

    def _method(self, path: str, answer: Answer) -> Any:
        async def method(message: bytes, context: ServicerContext[bytes, bytes]) -> bytes:
            started = time.perf_counter()
            served = self._follower.current
            if served is not None:
                context.set_trailing_metadata(((_VERSION, str(served.manifest.version)),))
            outcome: bytes | Problem | None = None
            try:
                outcome = await _outcome(path, answer(message, served))
            finally:  # also when the client goes away
                self._metrics.answered(path, _status(outcome), time.perf_counter() - started)
            if isinstance(outcome, Problem):
                await context.abort(_code(outcome), _text(outcome))
            return outcome

        return method


async def _outcome(path: str, answering: Awaitable[bytes]) -> bytes | Problem:
    try:
        return await answering
    except Problem as problem:
        return problem
    except Exception:  # noqa: BLE001 a fault of ours: logged, and no more is told
        _log.exception("call failed", path=path)
        return problems.of_status(500, "A fault of the server, which has logged it.")


def _status(outcome: bytes | Problem | None) -> int:
    """Return the status of an outcome as HTTP has it; None: the client has gone."""
    if outcome is None:
        return _CLIENT_GONE
    return outcome.status if isinstance(outcome, Problem) else HTTPStatus.OK


def _text(problem: Problem) -> str:
    return problem.detail.encode()[:_LONGEST_TEXT].decode(errors="ignore")


def _code(problem: Problem) -> grpc.StatusCode:
    return _CODES.get(problem.status, grpc.StatusCode.INVALID_ARGUMENT)
