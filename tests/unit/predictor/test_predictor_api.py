"""FastAPI has the same routes as the application in front of it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from predictor_application import application
from served_models import line
from starlette.types import ASGIApp, Receive, Scope, Send

from perennial_predictor.api import PredictorApi
from perennial_predictor.application import Application
from perennial_predictor.served import SERVED
from perennial_predictor.workers.whole import forwarding

TENSOR = {"name": "x", "shape": [1], "datatype": "FP64", "data": [2]}


@pytest.fixture
def app(tmp_path: Path) -> Application:
    stored = line(2.0)
    return application(stored.stored(), stored.served(), tmp_path / "bundle")


def client_of(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/", None),
        ("GET", "/?msg=2", None),
        ("GET", "/healthz", None),
        ("GET", "/readyz", None),
        ("POST", "/predict", {"instances": [[2], [3]]}),
        ("POST", "/v1/models/model:predict", {"instances": [2]}),
        ("GET", "/v2/models/model/versions/1", None),
        ("POST", "/v2/models/model/versions/1/infer", {"inputs": [TENSOR]}),
    ],
)
async def test_fastapi_answers_as_the_application_does(
    app: Application, method: str, path: str, body: Any
) -> None:
    api = await app._api()

    async def with_version(scope: Scope, receive: Receive, send: Send) -> None:
        await api({**scope, SERVED: app._follower.current}, receive, send)

    async with client_of(app) as short, client_of(with_version) as long:
        expected = await short.request(method, path, json=body)
        answer = await long.request(method, path, json=body)
    del expected.headers["x-model-version"]
    assert expected.status_code == 200
    assert (answer.status_code, answer.content) == (expected.status_code, expected.content)
    assert answer.headers == expected.headers


def test_what_a_further_process_passes_on_is_described_as_in_the_first(
    app: Application, tmp_path: Path
) -> None:
    assert isinstance(app._make_api, partial)
    key, routes, follower = app._make_api.args
    first = PredictorApi(key, routes, follower).openapi()
    assert PredictorApi(key, forwarding(tmp_path, routes), follower).openapi() == first
