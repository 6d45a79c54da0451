"""The FastAPI application: the paths and their documentation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from perennial_core.identity import ModelKey
from perennial_predictor import openapi, problems
from perennial_predictor.documentation import add_documentation
from perennial_predictor.endpoints import Endpoints
from perennial_predictor.errors import error_response
from perennial_predictor.follow import Follower
from perennial_predictor.v1 import V1Endpoints
from perennial_predictor.v2 import documentation as protocols
from perennial_predictor.v2.endpoints import V2Endpoints
from perennial_predictor.v2.paths import is_of_protocol, model_path, version_path

Endpoint = Callable[[Request], Awaitable[Response]]


class PredictorApi(FastAPI):
    """The application. Its document describes what the version that serves takes.

    Args:
        key: The model.
        endpoints: Answer on each path of its own.
        v1: Answers on those of KServe V1.
        v2: Answers on those of the Open Inference Protocol.
        follower: Holds the version that serves.
    """

    def __init__(
        self,
        key: ModelKey,
        endpoints: Endpoints,
        v1: V1Endpoints,
        v2: V2Endpoints,
        follower: Follower,
    ) -> None:
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
        self._add("GET", "/", endpoints.index, openapi.index_documentation())
        self._add("POST", "/predict", endpoints.predict, openapi.predict_documentation())
        self._add("GET", "/healthz", endpoints.healthz, openapi.healthz_documentation())
        self._add("GET", "/readyz", endpoints.readyz, openapi.readyz_documentation())
        self._add("GET", "/metrics", endpoints.metrics, openapi.metrics_documentation())
        self._add_v1(key.name, endpoints, v1)
        self._add_v2(key.name, v2)

    def _add_v1(self, name: str, endpoints: Endpoints, v1: V1Endpoints) -> None:
        path = f"/v1/models/{name}"
        self._add("GET", "/v1/models", v1.models, protocols.v1_models())
        self._add("GET", path, v1.model, protocols.v1_model())
        self._add("POST", f"{path}:predict", endpoints.predict, protocols.v1_predict())

    def _add_v2(self, name: str, v2: V2Endpoints) -> None:
        self._add("GET", "/v2", v2.server, protocols.server())
        self._add("GET", "/v2/health/live", v2.live, protocols.live())
        self._add("GET", "/v2/health/ready", v2.ready, protocols.ready())
        for path in (model_path(name), version_path(name)):
            self._add("GET", path, v2.model, protocols.model())
            self._add("GET", f"{path}/ready", v2.model_ready, protocols.model_ready())
            self._add("POST", f"{path}/infer", v2.infer, protocols.infer())

    def _add(
        self, method: str, path: str, endpoint: Endpoint, documentation: dict[str, Any]
    ) -> None:
        parameters = {
            "openapi_extra": protocols.of_path(path) | documentation.get("openapi_extra", {})
        }
        self.add_api_route(
            path, endpoint, methods=[method], response_class=Response, **documentation | parameters
        )

    def openapi(self) -> dict[str, Any]:
        served = self._follower.current
        return openapi.described(super().openapi(), served.reader if served else None)


async def _as_problem(request: Request, error: Exception) -> Response:
    """Answer what the routing refuses (no such path, wrong method) with a problem document."""
    assert isinstance(error, HTTPException)
    path = request.url.path
    detail = f"{error.detail}: {request.method} {path}"
    if is_of_protocol(path) and error.status_code == HTTPStatus.NOT_FOUND:
        detail += f"; the model here is {request.app.key.name!r}"
    problem = problems.of_status(error.status_code, detail, dict(error.headers or {}))
    return error_response(problem, request.scope)
