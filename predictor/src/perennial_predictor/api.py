"""The FastAPI application: the paths and their documentation."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from perennial_core.identity import ModelKey
from perennial_predictor import openapi, problems
from perennial_predictor.documentation import add_documentation
from perennial_predictor.errors import error_answer
from perennial_predictor.follow import Follower
from perennial_predictor.http_answer import Answer
from perennial_predictor.routes import Route
from perennial_predictor.v2 import documentation as protocols
from perennial_predictor.v2.paths import is_of_protocol


class PredictorApi(FastAPI):
    """The application. Its document describes what the version that serves takes.

    It answers on none of the routes: what gets here is a path that the application in front does
    not know, even where FastAPI would.

    Args:
        key: The model.
        routes: What is described.
        follower: Holds the version that serves.
    """

    def __init__(self, key: ModelKey, routes: Iterable[Route], follower: Follower) -> None:
        super().__init__(
            title=f"Predictions of {key}",
            version="1",
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
        )
        self.key = key
        self._follower = follower
        self.add_exception_handler(HTTPException, _as_problem)
        add_documentation(self)
        for route in routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        parameters = protocols.of_path(route.path)
        extra = {"openapi_extra": parameters | route.documentation.get("openapi_extra", {})}
        self.add_api_route(
            route.path,
            _not_here,
            methods=[route.method],
            name=route.endpoint.__name__,
            response_class=Response,
            **route.documentation | extra,
        )

    def openapi(self) -> dict[str, Any]:
        served = self._follower.current
        return openapi.described(super().openapi(), served.reader if served else None)


async def _as_problem(request: Request, error: Exception) -> Response:
    """Answer what the routing refuses (no such path, wrong method) with a problem document."""
    assert isinstance(error, HTTPException)
    detail = f"{error.detail}: {request.method} {request.url.path}; {_remedy(request, error)}"
    headers = [(n.lower().encode(), v.encode()) for n, v in (error.headers or {}).items()]
    problem = problems.of_status(error.status_code, detail, headers)
    return _response(error_answer(problem, request.scope))


def _remedy(request: Request, error: HTTPException) -> str:
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return f"this path takes {(error.headers or {})['Allow']}"
    if is_of_protocol(request.url.path):
        return f"the model here is {request.app.key.name!r}"
    return "/docs shows the paths that there are"


# A docstring would stand in the document.
async def _not_here(_: Request) -> Response:
    raise HTTPException(HTTPStatus.NOT_FOUND)


def _response(answer: Answer) -> Response:
    response = Response(answer.body, answer.status)
    response.raw_headers = answer.headers
    return response
