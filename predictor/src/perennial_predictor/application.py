"""The ASGI application in front: counts and stamps all answers, and takes the short way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from perennial_predictor import problems
from perennial_predictor.drain import Drain
from perennial_predictor.errors import error_answer
from perennial_predictor.follow import Follower
from perennial_predictor.http_answer import CLOSE, Answer, Header
from perennial_predictor.http_request import ClientGone, Request
from perennial_predictor.memory import settle
from perennial_predictor.metrics import Metrics
from perennial_predictor.problems import Problem
from perennial_predictor.routes import Route
from perennial_predictor.served import SERVED, ServedVersion
from perennial_predictor.v2.paths import template_of

_log = structlog.get_logger(__name__)

_CLIENT_GONE = 499
_OTHER_ROUTES = "other"


class Application:
    """Every request passes here.

    The endpoints read their requests themselves, so they are called without FastAPI's layers, which
    take longer than a prediction. What is no endpoint (documentation, wrong paths) goes to FastAPI,
    which is made when it is first needed: to import it takes longer than all else at the start.

    Args:
        routes: What is answered here.
        make_api: Makes the application of FastAPI.
        follower: Holds the version that serves.
        metrics: Where answers are counted.
        drain: Says whether clients should leave.
    """

    def __init__(
        self,
        routes: Sequence[Route],
        make_api: Callable[[], ASGIApp],
        follower: Follower,
        metrics: Metrics,
        drain: Drain,
    ) -> None:
        self._make_api = make_api
        self._making: asyncio.Task[ASGIApp] | None = None
        self._follower = follower
        self._metrics = metrics
        self._drain = drain
        self._endpoints = {(r.method, r.path): r.endpoint for r in routes if not r.is_template}
        self._templates = {(r.method, r.path): r.endpoint for r in routes if r.is_template}
        self._paths = {path for _, path in self._endpoints}
        self._template_paths = {path for _, path in self._templates}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await (await self._api())(scope, receive, send)
            return
        started = time.perf_counter()
        served = scope[SERVED] = self._follower.current
        status = _CLIENT_GONE
        try:
            status = await self._answer(scope, receive, send, served)
        finally:
            del scope[SERVED]  # the connection keeps the scope, which would keep the model
            route = self._route(scope["path"])
            self._metrics.answered(route, status, time.perf_counter() - started)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, served: ServedVersion | None
    ) -> int:
        """Send the answer to a request, and return its status."""
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        request = Request(scope, receive)
        endpoint = self._endpoints.get((method, scope["path"]))
        if endpoint is None:
            template, parameters = template_of(scope["path"])
            request = Request(scope, receive, parameters)
            endpoint = self._templates.get((method, template))
        if endpoint is None:
            return await self._answer_by_api(scope, receive, send, served)
        try:
            answer = await endpoint(request)
        except ClientGone:
            return _CLIENT_GONE
        except Exception as error:  # noqa: BLE001 whatever it is, there is an answer
            answer = _answer_to(error, scope)
        headers = answer.headers + self._stamps(served, answer.headers)
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})
        if answer.after is not None:
            answer.after()
        return answer.status

    def _route(self, path: str) -> str:
        """Return what a path is counted as, which is one of few."""
        if path in self._paths:
            return path
        template, _ = template_of(path)
        return template if template in self._template_paths else _OTHER_ROUTES

    async def _answer_by_api(
        self, scope: Scope, receive: Receive, send: Send, served: ServedVersion | None
    ) -> int:
        status = _CLIENT_GONE

        async def send_stamped(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message.get("headers", ())
                message["headers"] = [*headers, *self._stamps(served, headers)]
            await send(message)

        api = await self._api()
        await api(scope, receive, send_stamped)
        return status

    async def _api(self) -> ASGIApp:
        """Return the application of FastAPI, which is made in a thread, once.

        Where that failed, for want of memory or of files, the next request tries again.
        """
        if self._making is None or _has_failed(self._making):
            self._making = asyncio.create_task(asyncio.to_thread(self._made_api))
        return await asyncio.shield(self._making)

    def _made_api(self) -> ASGIApp:
        api = self._make_api()
        settle()
        return api

    def _stamps(self, served: ServedVersion | None, headers: Iterable[Header]) -> list[Header]:
        """Return the headers that every answer bears, beside those that this one has."""
        stamps = [served.stamp] if served else []
        return [*stamps, CLOSE] if self._drain.under_way and CLOSE not in headers else stamps


def _has_failed(making: asyncio.Task[ASGIApp]) -> bool:
    return making.done() and (making.cancelled() or making.exception() is not None)


def _answer_to(error: Exception, scope: Scope) -> Answer:
    """Return the answer to a request that ended with this error."""
    if isinstance(error, Problem):
        return error_answer(error, scope)
    _log.exception("request failed", path=scope["path"])
    fault = problems.of_status(500, "A fault of the server, which has logged it.")
    return error_answer(fault, scope)
