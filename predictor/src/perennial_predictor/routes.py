"""The paths: what answers on each, and what the OpenAPI document says of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from perennial_predictor import openapi
from perennial_predictor.endpoints import Endpoints
from perennial_predictor.http_answer import Answer
from perennial_predictor.http_request import Request
from perennial_predictor.v1 import V1Endpoints
from perennial_predictor.v2 import documentation as protocols
from perennial_predictor.v2.endpoints import V2Endpoints
from perennial_predictor.v2.paths import model_path, version_path

Endpoint = Callable[[Request], Awaitable[Answer]]


@dataclass(frozen=True)
class Route:
    """One path and method."""

    method: str
    path: str
    """As FastAPI writes it: a parameter stands in braces."""
    endpoint: Endpoint
    documentation: dict[str, Any]
    """What FastAPI is told of it."""

    @property
    def is_template(self) -> bool:
        """Whether the path has a parameter."""
        return "{" in self.path


def routes(name: str, own: Endpoints, v1: V1Endpoints, v2: V2Endpoints) -> list[Route]:
    """Return every route.

    Args:
        name: Of the model, which stands in the paths of the protocols.
        own: Answer on the paths that are Perennial's own.
        v1: Answers on those of KServe V1.
        v2: Answers on those of the Open Inference Protocol.
    """
    return [*_own(own), *_v1(name, own, v1), *_v2(name, v2)]


def _own(own: Endpoints) -> Iterator[Route]:
    yield Route("GET", "/", own.index, openapi.index_documentation())
    yield Route("POST", "/predict", own.predict, openapi.predict_documentation())
    yield Route("GET", "/healthz", own.healthz, openapi.healthz_documentation())
    yield Route("GET", "/readyz", own.readyz, openapi.readyz_documentation())
    yield Route("GET", "/metrics", own.metrics, openapi.metrics_documentation())


def _v1(name: str, own: Endpoints, v1: V1Endpoints) -> Iterator[Route]:
    path = f"/v1/models/{name}"
    yield Route("GET", "/v1/models", v1.models, protocols.v1_models())
    yield Route("GET", path, v1.model, protocols.v1_model())
    yield Route("POST", f"{path}:predict", own.predict, protocols.v1_predict())


def _v2(name: str, v2: V2Endpoints) -> Iterator[Route]:
    yield Route("GET", "/v2", v2.server, protocols.server())
    yield Route("GET", "/v2/health/live", v2.live, protocols.live())
    yield Route("GET", "/v2/health/ready", v2.ready, protocols.ready())
    for path in (model_path(name), version_path(name)):
        yield Route("GET", path, v2.model, protocols.model())
        yield Route("GET", f"{path}/ready", v2.model_ready, protocols.model_ready())
        yield Route("POST", f"{path}/infer", v2.infer, protocols.infer())
