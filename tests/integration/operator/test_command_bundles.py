"""``perennial export`` and ``import`` against a real API server: the registry is reached by the
Secret of the model."""

from __future__ import annotations

from pathlib import Path

import command
import kubectl
import pytest
from operator_bench import IDLE, Bench, Kubelet
from operator_models import Body
from served_models import line

from perennial_core.bundle import Bundle, read_bundle, write_bundle
from perennial_core.identity import ModelKey, Version


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    fitted = line()
    manifest = fitted.body(ModelKey("staging", "points")).numbered(Version(7))
    folder = tmp_path / "bundle"
    write_bundle(folder, Bundle(manifest, fitted.serialized.artifact))
    return folder


async def test_a_bundle_serves_once_it_passed_the_models_own_gate(
    bench: Bench, kubelet: Kubelet, bundle: Path, tmp_path: Path
) -> None:
    example: Body = {"inputs": {"x": 1.0}, "expected": 5.0, "tolerance": "0.1"}
    brought: Body = {"promotion": {}, "gate": {"examples": [example]}, "serving": IDLE["serving"]}
    await bench.apply(brought)
    await bench.settle()
    where = ("points", "-n", bench.namespace)
    imported = command.answer("import", str(bundle), *where)
    assert (imported["version"], imported["repeated"]) == (1, False)
    assert command.answer("import", str(bundle), *where)["repeated"] is True
    await bench.until(
        lambda model: model["status"].get("serving", {}).get("version") == 1, "version 1 serves"
    )
    (view,) = command.answer("versions", *where)["items"]
    assert view["promotedFrom"] == "staging/points v7 of a bundle"
    command.perennial("export", *where, "-o", str(tmp_path / "back"))
    back = read_bundle(tmp_path / "back")
    assert back.manifest.digest == read_bundle(bundle).manifest.digest
    assert back.decision is not None


async def test_who_may_not_read_the_secret_brings_nothing(bench: Bench, bundle: Path) -> None:
    await bench.apply(IDLE)
    await bench.settle()
    role = ["--verb=get,list", "--resource=predictionmodels.perennial.dev"]
    kubectl.kubectl("create", "role", "reader", "-n", bench.namespace, *role)
    binding = ["--role=reader", "--user=bob"]
    kubectl.kubectl("create", "rolebinding", "bob", "-n", bench.namespace, *binding)
    told = command.refused("import", str(bundle), "points", "-n", bench.namespace, "--as", "bob")
    assert "you may not read the Secret points-registry" in told
