"""What a predictor needs not before its first answer is imported when it is asked for."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import httpx
from predictor_application import application
from served_models import line
from starlette.types import ASGIApp

from perennial_core.bundle import Bundle, write_bundle

SEEN = """
import json, sys
import perennial_predictor.__main__
print(json.dumps(sorted(sys.modules)))
"""
SEEN_WITH_A_REGISTRY = f"import perennial_predictor.registry_source\n{SEEN}"
COLLECTED = """
import gc
import perennial_predictor.__main__
print(gc.isenabled(), len(gc.get_objects()))
"""
FOLLOWED = """
import asyncio, sys
from pathlib import Path
from perennial_core.settings import PredictorSettings
from perennial_predictor.bundle_source import BundleSource
from perennial_predictor.follow import Follower
from perennial_predictor.metrics import Metrics
settings = PredictorSettings(bundle=Path(sys.argv[1]))
asyncio.run(Follower(settings, BundleSource(settings.bundle, settings), Metrics()).run())
print("simdjson" in sys.modules)
"""
LATER = {
    "anyio",
    "importlib.metadata",
    "perennial_core.resource",
    "perennial_predictor.mirror",
    "perennial_predictor.page",
    "perennial_predictor.workers.crew",
    "fastapi",
    "grpc",
    "kubernetes",
    "pandas",
    "prometheus_client",
    "pydantic",
    "redis",
    "simdjson",
    "sklearn",
    "skops",
    "starlette.requests",
}


def output(program: str, *arguments: str) -> str:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_what_the_first_answer_needs_not_is_not_imported() -> None:
    imported = set(json.loads(output(SEEN)))
    assert "uvicorn" in imported
    assert not imported & LATER


def test_what_reads_the_registry_needs_not_the_types_of_the_resource() -> None:
    imported = set(json.loads(output(SEEN_WITH_A_REGISTRY)))
    assert imported & LATER <= {"importlib.metadata", "redis"}  # the latter imports the former


def test_what_reads_long_bodies_is_imported_before_one_comes(tmp_path: Path) -> None:
    stored = line().stored()
    write_bundle(tmp_path / "bundle", Bundle(stored.manifest, stored.artifact))
    assert output(FOLLOWED, str(tmp_path / "bundle")).splitlines()[-1] == "True"


def test_what_is_imported_at_the_start_is_never_looked_through_for_garbage() -> None:
    enabled, objects = output(COLLECTED).split()
    assert enabled == "True"
    assert int(objects) < 1000


async def test_who_asks_at_once_for_what_is_no_endpoint_shares_one_application_of_fastapi(
    tmp_path: Path,
) -> None:
    stored = line(2.0)
    app = application(stored.stored(), stored.served(), tmp_path / "bundle")
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answers = await asyncio.gather(*(client.get(f"/nowhere/{n}") for n in range(5)))
        assert [answer.status_code for answer in answers] == [404] * 5
        made = await app._api()
        assert (await client.get("/openapi.json")).status_code == 200
        assert await app._api() is made


async def test_an_application_of_fastapi_that_could_not_be_made_is_made_by_a_later_request(
    tmp_path: Path,
) -> None:
    stored = line(2.0)
    app = application(stored.stored(), stored.served(), tmp_path / "bundle")
    make = app._make_api
    failures = iter([MemoryError()])

    def makes_the_second_time() -> ASGIApp:
        for failure in failures:
            raise failure
        return make()

    app._make_api = makes_the_second_time
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        statuses = [(await client.get("/openapi.json")).status_code for _ in range(3)]
        assert statuses == [500, 200, 200]
        assert (await client.get("/healthz")).status_code == 200
