"""The FastAPI application: the paths and their documentation."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from perennial_predictor import openapi, problems
from perennial_predictor.documentation import add_documentation
from perennial_predictor.endpoints import SERVED, Endpoints
from perennial_predictor.follow import Follower
from perennial_predictor.served import ServedVersion


class PredictorApi(FastAPI):
    """The application. Its document describes what the version that serves takes.

    Args:
        model: ``namespace/name``.
        endpoints: Answer on each path.
        follower: Holds the version that serves.
    """

    def __init__(self, model: str, endpoints: Endpoints, follower: Follower) -> None:
        super().__init__(
            title=f"Predictions of {model}",
            version="1",
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
        )
        self._follower = follower
        self.add_exception_handler(HTTPException, _as_problem)
        add_documentation(self)
        for method, path, endpoint, documentation in (
            ("GET", "/", endpoints.index, openapi.index_documentation()),
            ("POST", "/predict", endpoints.predict, openapi.predict_documentation()),
            ("GET", "/healthz", endpoints.healthz, openapi.healthz_documentation()),
            ("GET", "/readyz", endpoints.readyz, openapi.readyz_documentation()),
            ("GET", "/metrics", endpoints.metrics, openapi.metrics_documentation()),
        ):
            self.add_api_route(
                path, endpoint, methods=[method], response_class=Response, **documentation
            )

    def openapi(self) -> dict[str, Any]:
        served = self._follower.current
        return openapi.described(super().openapi(), served.reader if served else None)


async def _as_problem(request: Request, error: Exception) -> Response:
    """Answer what the routing refuses (no such path, wrong method) with a problem document."""
    assert isinstance(error, HTTPException)
    served: ServedVersion | None = request.scope[SERVED]
    detail = f"{error.detail}: {request.method} {request.url.path}"
    problem = problems.of_status(error.status_code, detail, dict(error.headers or {}))
    return problem.response(served.manifest if served else None)
