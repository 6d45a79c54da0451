"""While a model predicts slowly, all else is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from held_model import HeldModel
from served_models import KEY, line

from perennial_core.bundle import Bundle, write_bundle
from perennial_core.settings import PredictorSettings
from perennial_predictor.api import PredictorApi
from perennial_predictor.application import Application
from perennial_predictor.bundle_source import BundleSource
from perennial_predictor.drain import Drain
from perennial_predictor.endpoints import Endpoints
from perennial_predictor.follow import Follower
from perennial_predictor.metrics import Metrics
from perennial_predictor.routes import routes
from perennial_predictor.v1 import V1Endpoints
from perennial_predictor.v2.endpoints import V2Endpoints


@pytest.fixture
def model() -> HeldModel:
    return HeldModel()


@pytest.fixture
async def client(model: HeldModel, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    stored = line(2.0).stored()
    write_bundle(tmp_path / "bundle", Bundle(stored.manifest, stored.artifact))
    settings = PredictorSettings(bundle=tmp_path / "bundle")
    metrics, drain = Metrics(), Drain(0, 0)
    follower = Follower(settings, BundleSource(tmp_path / "bundle", settings), metrics)
    follower.current = model.served
    endpoints = Endpoints(str(KEY), settings, follower, metrics, drain)
    v1 = V1Endpoints(KEY.name, endpoints.is_ready)
    v2 = V2Endpoints(KEY.name, settings, endpoints.is_ready, endpoints.served)
    answered = routes(KEY.name, endpoints, v1, v2)
    make_api = partial(PredictorApi, KEY, answered, follower)
    application = Application(answered, make_api, follower, metrics, drain)
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def test_probes_and_metrics_are_answered_while_a_model_predicts(
    model: HeldModel, client: httpx.AsyncClient
) -> None:
    predicting = asyncio.create_task(client.post("/predict", json={"instances": [[1]]}))
    assert await asyncio.to_thread(model.is_asked.wait, 10)
    v2 = ("/v2", "/v2/health/live", "/v2/models/model")
    for path in ("/healthz", "/readyz", "/metrics", "/", *v2):
        assert (await client.get(path)).status_code == 200
    assert not predicting.done()
    model.may_answer.set()
    assert (await predicting).json()["predictions"] == [pytest.approx(5)]


async def test_a_wrong_request_is_refused_while_a_model_predicts(
    model: HeldModel, client: httpx.AsyncClient
) -> None:
    predicting = asyncio.create_task(client.get("/?msg=1"))
    assert await asyncio.to_thread(model.is_asked.wait, 10)
    assert (await client.get("/?msg=one")).status_code == 422
    model.may_answer.set()
    assert (await predicting).json()["prediction"] == pytest.approx(5)
