"""Which paths are answered, and that FastAPI, which describes them, answers on no others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from predictor_application import application
from served_models import line

from perennial_predictor.api import PredictorApi
from perennial_predictor.application import Application
from perennial_predictor.v2.paths import template_of, version_path
from perennial_predictor.workers.whole import forwarding


@pytest.fixture
def app(tmp_path: Path) -> Application:
    stored = line(2.0)
    return application(stored.stored(), stored.served(), tmp_path / "bundle")


@pytest.fixture
async def client(app: Application) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.mark.parametrize(
    "path", ["/predict%0A", "/v1/models/model:predict%0A", "/v2/models/model/infer%0A"]
)
@pytest.mark.parametrize("body", ['{"instances": [[1]]}', "{"])
async def test_a_path_that_only_fastapi_would_take_is_not_found(
    client: httpx.AsyncClient, path: str, body: str
) -> None:
    answer = await client.post(path, content=body)
    assert answer.status_code == 404
    assert "Not Found" in answer.text
    assert answer.headers["x-model-version"] == "1"


async def test_the_template_of_a_path_is_no_version(client: httpx.AsyncClient) -> None:
    answer = await client.get(version_path("model"))
    assert answer.status_code == 404
    assert "'{model_version}' of 'model' does not serve" in answer.json()["error"]


@pytest.mark.parametrize("name", ["model", "versions", "v2", "models"])
@pytest.mark.parametrize("rest", ["", "/ready", "/infer"])
def test_a_model_may_have_any_name(name: str, rest: str) -> None:
    template = f"{version_path(name)}{rest}"
    path = f"/v2/models/{name}/versions/7{rest}"
    assert template_of(path) == (template, {"model_version": "7"})
    without = f"/v2/models/{name}{rest}"
    assert template_of(without) == (without, {})


def test_what_a_further_process_passes_on_is_described_as_in_the_first(
    app: Application, tmp_path: Path
) -> None:
    assert isinstance(app._make_api, partial)
    key, routes, follower = app._make_api.args
    first = PredictorApi(key, routes, follower).openapi()
    assert PredictorApi(key, forwarding(tmp_path, routes), follower).openapi() == first
