"""``perennial export`` and ``import`` between two local models: the way without a network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import command
import pytest
from local_run import LocalRun, resource

from perennial_core.bundle import read_bundle, write_bundle

EXAMPLE = {"inputs": {"x": 10.0}, "expected": 23.0, "tolerance": "1"}


def where(run: LocalRun) -> tuple[str, ...]:
    return ("--local", str(run.directory / "model.yaml"), "--directory", str(run.state))


def production(**spec: Any) -> dict[str, Any]:
    """Return the resource of another model, which trains nothing by itself."""
    model = resource(**spec)
    model["metadata"] = {"name": "prices", "namespace": "production"}
    model["spec"]["training"]["suspend"] = True
    return model


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 1 of a model, exported while no run is at work."""
    directory = tmp_path_factory.mktemp("staging")
    run = LocalRun(directory, resource())
    run.generate("--seed", "1")
    with run:
        run.serves(1)
    told = command.perennial("export", *where(run), directory=directory)
    assert told == "version 1 of tests/points is in points-v1\n"
    return directory / "points-v1"


def test_a_bundle_is_whole_and_says_who_approved_it(bundle: Path) -> None:
    read = read_bundle(bundle)
    assert (read.manifest.model, read.manifest.version) == ("tests/points", 1)
    assert read.decision is not None
    assert read.decision.by == "the gate"


def test_what_was_proved_elsewhere_is_gated_and_approved_by_the_models_own_rules(
    tmp_path: Path, bundle: Path
) -> None:
    model = production(rollout={"approval": "Manual"}, gate={"examples": [EXAMPLE]})
    with LocalRun(tmp_path, model) as run:
        run.is_at_work()
        here = where(run)
        told = command.perennial("import", str(bundle), "prices", *here, "--wait")
        assert told.startswith(
            "tests/points v1 of a bundle is published as version 1 of production/prices: it awaits"
            " approval: it passed the gate: example 1 predicts 2"
        )
        again = command.answer("import", str(bundle), *here)
        assert (again["version"], again["repeated"]) == (1, True)
        command.perennial("approve", *here, "--wait")
        assert run.version() == 1
        changed = command.answer("import", str(with_other_scores(bundle, tmp_path)), *here)
        assert (changed["version"], changed["repeated"]) == (2, False)
        shown = command.answer("show", *here)
        assert shown["promotedFrom"] == "tests/points v1 of a bundle"
        assert shown["digest"] == read_bundle(bundle).manifest.digest
        assert shown["manifest"]["promotedFrom"]["decision"]["by"] == "the gate"


def with_other_scores(bundle: Path, directory: Path) -> Path:
    """Return a bundle of the same version that tells otherwise of it."""
    read = read_bundle(bundle)
    metrics = read.manifest.metrics.changed(candidate={"r2": 1.0})
    manifest = read.manifest.changed(metrics=metrics)
    write_bundle(directory / "changed", replace(read, manifest=manifest))
    return directory / "changed"


def test_what_the_models_gate_refuses_never_serves(tmp_path: Path, bundle: Path) -> None:
    example = {**EXAMPLE, "expected": -1000.0}
    with LocalRun(tmp_path, production(gate={"examples": [example]})) as run:
        run.is_at_work()
        ended = command.call("import", str(bundle), *where(run), "--wait")
        assert ended.code == 1
        assert "the gate failed: example 1 predicts 2" in ended.told


def test_a_model_that_never_ran_serves_what_was_imported(tmp_path: Path, bundle: Path) -> None:
    run = LocalRun(tmp_path, production())
    assert command.answer("import", str(bundle), *where(run))["version"] == 1
    with run:
        run.serves(1)


def test_a_damaged_bundle_is_refused_before_anything_is_sent(tmp_path: Path, bundle: Path) -> None:
    (tmp_path / "points").mkdir()
    for file in bundle.iterdir():
        (tmp_path / "points" / file.name).write_bytes(file.read_bytes())
    manifest = tmp_path / "points" / "manifest.json"
    manifest.write_text(manifest.read_text().replace("tests/points", "other/points"))
    run = LocalRun(tmp_path, production())
    told = command.refused("import", str(tmp_path / "points"), *where(run))
    assert "manifest.json: is not what SHA256SUMS says" in told
    assert not run.state.exists()


def test_a_folder_that_is_taken_is_not_written_to(bundle: Path) -> None:
    staging = LocalRun(bundle.parent, resource())
    told = command.refused("export", *where(staging), "-o", str(bundle))
    assert "is there already" in told
    told = command.refused("export", *where(staging), "--version", "7", "-o", "new")
    assert "version 7 is not retained; retained: 1" in told
