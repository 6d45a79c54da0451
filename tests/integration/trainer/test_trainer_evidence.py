"""A run leaves the evidence that the gate asks for, and trains again where it is lacking."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv
from serving import approve_and_serve
from trainer_builders import gate, order, settings

from perennial_core.gate import Outcome, examine
from perennial_core.identity import ModelKey, Version
from perennial_core.manifest import Manifest
from perennial_core.registry import Registry, RunOutcome
from perennial_core.resource.gate import GateSpec
from perennial_trainer.failure import DataError, SpecError
from perennial_trainer.record import Start
from perennial_trainer.run import run

ROWS = 100
NUMBERS = count()
EXAMPLE = {"inputs": {"x": 100}, "expected": 203, "tolerance": "0.01"}


@pytest.fixture
def key() -> ModelKey:
    """A model of the test's own in the shared Redis."""
    return ModelKey("tests", f"evidence-{next(NUMBERS)}")


@pytest.fixture
def data(tmp_path: Path) -> Callable[..., None]:
    (tmp_path / "data").mkdir()

    def write(first: float = 0.0) -> None:
        x = np.linspace(first, first + 10, ROWS)
        csv.write_csv(pa.table({"x": x, "y": 2 * x + 3}), tmp_path / "data" / "points.csv")

    write()
    return write


@pytest.fixture
def trainer(tmp_path: Path, registry: Registry, key: ModelKey) -> Any:
    """Return what runs the trainer with a gate and fields of training.data."""

    async def run_it(run_id: str, asked: GateSpec | None = None, **spec: Any) -> Manifest:
        given = order(model=str(key), asked=asked, **spec)
        version = await run(Start(given, settings(tmp_path, run_id=run_id)), registry)
        return await registry.manifest(key, version)

    return run_it


async def test_the_manifest_has_what_the_gate_asks_for(trainer: Any, data: Any) -> None:
    asked = gate("neg_max_error", examples=[EXAMPLE], drift={"max": "0.1"})
    manifest = await trainer("one", asked)
    assert manifest.metrics.candidate["neg_max_error"] == pytest.approx(0)
    (result,) = manifest.examples
    assert (result.inputs, result.problem) == ({"x": 100}, None)
    assert result.prediction == pytest.approx(203)
    assert manifest.drift is None
    assert set(manifest.profile) == {"x"}


async def test_the_drift_since_the_incumbent_is_measured(
    trainer: Any, data: Any, registry: Registry, key: ModelKey
) -> None:
    first = await trainer("one")
    await approve_and_serve(registry, key, first.version, first.digest)
    again = await trainer("two", skipUnchanged=False)
    assert again.drift.features == {"x": 0}
    data(first=5)
    moved = await trainer("three")
    assert moved.drift.incumbent_version == 1
    assert moved.drift.features["x"] > 1
    assert examine(gate(drift={"max": "0.25"}), moved).outcome is Outcome.FAILED
    assert examine(gate(drift={"max": "0.25"}), again).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    "asked",
    [gate("neg_max_error"), gate(examples=[EXAMPLE]), gate(examples=[{**EXAMPLE, "inputs": {}}])],
    ids=["metric", "example", "refused"],
)
async def test_unchanged_data_are_trained_on_again_for_evidence_and_once(
    trainer: Any, data: Any, asked: GateSpec, registry: Registry, key: ModelKey
) -> None:
    versions = [(await trainer("one")).version]
    versions += [(await trainer(run_id, asked)).version for run_id in ("two", "three")]
    versions += [(await trainer("four")).version]
    assert versions == [1, 2, 2, 2]
    assert [run.outcome for run in await registry.runs(key)][:2] == [RunOutcome.SKIPPED] * 2


async def test_other_bounds_of_the_same_evidence_need_no_run(trainer: Any, data: Any) -> None:
    await trainer("one", gate(examples=[EXAMPLE]))
    asked = gate("r2", examples=[{**EXAMPLE, "expected": 1}], drift={"max": "0.1"})
    assert (await trainer("two", asked)).version == 1


async def test_data_are_checked_even_when_they_did_not_change(
    trainer: Any, data: Any, registry: Registry, key: ModelKey
) -> None:
    await trainer("one", checks={"minRows": ROWS})
    assert (await trainer("two", checks={"maxRows": ROWS})).version == 1
    with pytest.raises(DataError, match=r"points\.csv .*100 rows, fewer than .*minRows 101$"):
        await trainer("three", checks={"minRows": ROWS + 1})
    assert await registry.latest(key) == Version(1)


async def test_a_metric_that_is_none_is_refused_before_the_data_are_read(
    trainer: Any, registry: Registry, key: ModelKey
) -> None:
    with pytest.raises(SpecError, match=r"^spec\.gate\.metrics: accuracy does not measure regress"):
        await trainer("one", gate("accuracy"))
    assert await registry.latest(key) is None
