"""While a model predicts slowly, all else is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from held_model import HeldModel
from predictor_application import application
from served_models import line


@pytest.fixture
def model() -> HeldModel:
    return HeldModel()


@pytest.fixture
async def client(model: HeldModel, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = application(line(2.0).stored(), model.served, tmp_path / "bundle")
    transport = httpx.ASGITransport(app)
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
