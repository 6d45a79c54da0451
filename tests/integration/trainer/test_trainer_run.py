"""One run, from data to registry."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv
from serving import approve_and_serve, serve_unchecked
from trainer_builders import LINEAR, LOGISTIC, order, settings

from perennial_cli.local.redis_server import RedisServer
from perennial_core.artifact import load_model
from perennial_core.identity import ModelKey, Version, digest_of
from perennial_core.manifest import ArtifactFormat, Manifest
from perennial_core.order import TrainingOrder
from perennial_core.registry import Registry, RegistryUnavailable, Run, RunOutcome, Serving
from perennial_core.settings import RegistrySettings
from perennial_trainer.failure import DataError
from perennial_trainer.record import Start
from perennial_trainer.run import run
from perennial_trainer.training import train

ROWS = 100


@pytest.fixture
def model(request: pytest.FixtureRequest) -> str:
    """A model of the test's own in the shared Redis."""
    return f"tests/{request.node.name[:40].lower().replace('_', '-')}"


@pytest.fixture
def data(tmp_path: Path) -> Callable[..., None]:
    (tmp_path / "data").mkdir()

    def write(slope: float = 2.0, **columns: Any) -> None:
        x = np.linspace(0, 10, ROWS)
        table = pa.table({"x": x, "y": slope * x + 3} | columns)
        csv.write_csv(table, tmp_path / "data" / "points.csv")

    return write


@pytest.fixture
def trainer(tmp_path: Path, registry: Registry, model: str) -> Any:
    """Return what runs the trainer, with the given fields of training.data and settings."""

    async def run_it(run_id: str = "run", estimator: Any = LINEAR, **data: Any) -> Version:
        given = order(model=model, estimator=estimator, **data)
        return await run(Start(given, settings(tmp_path, run_id=run_id)), registry)

    return run_it


@pytest.fixture
def key(model: str) -> ModelKey:
    return order(model=model).key


async def served(registry: Registry, key: ModelKey, version: Version) -> tuple[Manifest, Any]:
    manifest = await registry.manifest(key, version)
    artifact = await registry.artifact(key, manifest.digest)
    return manifest, load_model(manifest, artifact)


async def test_the_first_run_publishes_version_1(
    trainer: Any, data: Any, registry: Registry, key: ModelKey
) -> None:
    data()
    assert await trainer() == 1
    manifest, model = await served(registry, key, Version(1))
    assert model.predict_matrix(np.array([[100.0]])).values == pytest.approx([203])
    assert (manifest.format, manifest.format_reason) == (ArtifactFormat.ONNX, None)
    assert manifest.size == len(await registry.artifact(key, manifest.digest))
    assert (manifest.rows.training, manifest.rows.holdout) == (80, 20)
    assert manifest.metrics.candidate["r2"] == pytest.approx(1)
    assert manifest.metrics.incumbent is None
    assert manifest.run_id == "run"
    assert manifest.duration_seconds > 0
    assert [column.name for column in manifest.inputs] == ["x"]
    assert manifest.example is not None
    (last,) = await registry.runs(key)
    assert (last.outcome, last.version) == (RunOutcome.PUBLISHED, 1)


async def test_a_run_without_new_data_publishes_nothing(
    trainer: Any, data: Any, registry: Registry, key: ModelKey
) -> None:
    data()
    assert [await trainer("one"), await trainer("two")] == [1, 1]
    last, _ = await registry.runs(key)
    assert (last.run_id, last.outcome, last.version) == ("two", RunOutcome.SKIPPED, 1)
    assert "since version 1" in last.message
    assert await registry.latest(key) == 1


async def test_the_same_rows_written_anew_are_no_new_data(
    trainer: Any, data: Any, tmp_path: Path
) -> None:
    data()
    await trainer("one")
    file = tmp_path / "data" / "points.csv"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert await trainer("two") == 1


async def test_a_run_by_batches_publishes_and_skips_as_any_other(
    tmp_path: Path, registry: Registry, key: ModelKey, data: Any
) -> None:
    async def streamed(run_id: str, **streaming: int) -> Version:
        estimator = {"class": "sklearn.linear_model.SGDRegressor", "params": {"eta0": 0.001}}
        told = {"batchRows": 20, "epochs": 50} | streaming
        given = order(model=str(key), estimator=estimator, streaming=told)
        return await run(Start(given, settings(tmp_path, run_id=run_id)), registry)

    data()
    assert [await streamed("one"), await streamed("two")] == [1, 1]
    manifest, model = await served(registry, key, Version(1))
    assert (manifest.rows.training, manifest.rows.holdout) == (80, 20)
    assert manifest.format is ArtifactFormat.ONNX
    assert model.predict_matrix(np.array([[5.0]])).values == pytest.approx([13], abs=1)
    assert await streamed("three", epochs=51) == 2
    data(slope=5)
    assert await streamed("four", epochs=51) == 3


async def test_new_data_make_a_new_version(trainer: Any, data: Any) -> None:
    data(slope=2)
    await trainer("one")
    data(slope=5)
    assert await trainer("two") == 2


@pytest.mark.parametrize(
    "change",
    [{"estimator": {"class": "sklearn.linear_model.Ridge"}}, {"holdout": {"seed": 1}}],
    ids=["estimator", "holdout"],
)
async def test_a_new_training_spec_makes_a_new_version(
    trainer: Any, data: Any, change: dict[str, Any]
) -> None:
    data()
    await trainer("one")
    assert await trainer("two", **change) == 2


async def test_unchanged_data_are_trained_on_again_when_the_spec_says_so(
    trainer: Any, data: Any
) -> None:
    data()
    assert await trainer("one", skipUnchanged=False) == 1
    assert await trainer("two", skipUnchanged=False) == 2


async def test_a_retried_run_publishes_once(trainer: Any, data: Any) -> None:
    data()
    published = [await trainer("same", skipUnchanged=False) for _ in range(2)]
    assert published == [1, 1]


async def test_the_incumbent_is_measured_on_the_same_holdout(
    trainer: Any, data: Any, registry: Registry, key: ModelKey
) -> None:
    data(slope=2)
    first = await trainer("one")
    manifest, _ = await served(registry, key, first)
    await approve_and_serve(registry, key, first, manifest.digest)
    data(slope=-2)
    second, _ = await served(registry, key, await trainer("two"))
    metrics = second.metrics
    assert metrics.candidate["r2"] == pytest.approx(1)
    assert metrics.incumbent is not None
    assert metrics.incumbent["r2"] is not None
    assert metrics.incumbent["r2"] < 0
    assert (metrics.incumbent_version, metrics.incumbent_problem) == (1, None)


async def test_an_incumbent_that_is_gone_hinders_nothing(
    trainer: Any,
    data: Any,
    registry: Registry,
    registry_settings: RegistrySettings,
    key: ModelKey,
) -> None:
    data()
    lost = Serving(version=Version(41), digest=digest_of(b"gone"))
    await serve_unchecked(registry_settings, key, lost)
    manifest, _ = await served(registry, key, await trainer())
    assert manifest.metrics.incumbent_version == 41
    assert "version 41 is not in the registry" in str(manifest.metrics.incumbent_problem)


async def test_labels_come_back_as_they_were(
    trainer: Any, data: Any, registry: Registry, key: ModelKey
) -> None:
    data(y=[i > ROWS / 2 for i in range(ROWS)])
    manifest, model = await served(registry, key, await trainer(estimator=LOGISTIC))
    assert manifest.classes == [False, True]
    assert model.predict_matrix(np.array([[0.0], [10.0]])).values.tolist() == [False, True]


async def test_data_that_turn_bad_leave_the_versions_as_they_are(
    trainer: Any, data: Any, registry: Registry, key: ModelKey, tmp_path: Path
) -> None:
    data()
    await trainer("one")
    before = await registry.snapshot(key)
    (tmp_path / "data" / "points.csv").write_text("x,z\n1,2\n")
    with pytest.raises(DataError, match="no column 'y'"):
        await trainer("two")
    assert await registry.snapshot(key) == before


async def test_redis_that_is_down_is_an_outage(own_redis: RedisServer, tmp_path: Path) -> None:
    own_redis.kill()
    start = Start(order(uri="sample://linear"), settings(tmp_path))
    async with Registry.from_settings(RegistrySettings.of({"url": own_redis.url})) as registry:
        with pytest.raises(RegistryUnavailable):
            await run(start, registry)


async def test_redis_that_comes_back_during_training_gets_the_version(
    own_redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train_while_redis_restarts(*given: Any) -> Any:
        own_redis.kill()
        own_redis.start()
        return train(*given)

    monkeypatch.setattr("perennial_trainer.in_memory.train", train_while_redis_restarts)
    start = Start(order(uri="sample://linear"), settings(tmp_path))
    async with Registry.from_settings(RegistrySettings.of({"url": own_redis.url})) as registry:
        assert await run(start, registry) == 1


async def test_two_trainers_at_once_publish_one_version_each(
    registry: Registry, data: Any, tmp_path: Path, model: str
) -> None:
    data()

    def start(run_id: str) -> Start[TrainingOrder]:
        given: TrainingOrder = order(model=model, skipUnchanged=False)
        return Start(given, settings(tmp_path, run_id=run_id))

    versions = await asyncio.gather(*(run(start(str(i)), registry) for i in range(3)))
    assert sorted(versions) == [1, 2, 3]
    runs: list[Run] = await registry.runs(order(model=model).key)
    assert len(runs) == 3
