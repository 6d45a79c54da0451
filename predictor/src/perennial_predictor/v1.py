"""The KServe V1 protocol. What it calls predict is what ``POST /predict`` answers too.

Source: KServe, "V1 Inference Protocol".
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

import msgspec

from perennial_predictor.http_answer import Answer
from perennial_predictor.http_request import Request


class Models(msgspec.Struct):
    """The answer of ``GET /v1/models``."""

    models: list[str]


class ModelReadiness(msgspec.Struct):
    """The answer of ``GET /v1/models/MODEL``."""

    name: str
    ready: bool


class V1Endpoints:
    """Answers what is not a prediction.

    Args:
        name: Of the model, without its namespace.
        is_ready: Says whether it can be asked.
    """

    def __init__(self, name: str, is_ready: Callable[[], bool]) -> None:
        self._name = name
        self._is_ready = is_ready

    async def models(self, _: Request) -> Answer:
        return Answer(msgspec.json.encode(Models([self._name])))

    async def model(self, _: Request) -> Answer:
        ready = self._is_ready()
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        answer = ModelReadiness(self._name, ready)
        return Answer(msgspec.json.encode(answer), status)
