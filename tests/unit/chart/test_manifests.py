"""What lies in manifests/ and kind-config.yaml."""

from __future__ import annotations

import importlib.metadata
import io
from pathlib import Path

import pandas as pd
import pytest
import yaml
from builders import trained
from chart_rendering import CHART, ROOT, Body, of_kind
from sklearn.datasets import load_diabetes

from perennial_core.resource.prediction_model import PredictionModel
from perennial_operator.build.metadata import live_selector

EXAMPLES = ROOT / "manifests" / "examples"
SERVICES = ["operator", "trainer", "predictor"]


def read(path: Path) -> list[Body]:
    return [body for body in yaml.safe_load_all(path.read_text()) if body]


def test_install_yaml_holds_no_password_and_names_its_namespace_throughout() -> None:
    objects = read(ROOT / "manifests" / "install.yaml")

    assert objects[0]["kind"] == "Namespace"
    assert objects[0]["metadata"]["name"] == "perennial"
    assert not of_kind(objects, "Secret")
    assert {body["metadata"].get("namespace") for body in objects} == {None, "perennial"}


def test_install_yaml_holds_the_crds_and_no_hooks() -> None:
    objects = read(ROOT / "manifests" / "install.yaml")

    assert len(of_kind(objects, "CustomResourceDefinition")) == 2
    assert not of_kind(objects, "PredictionModel")


@pytest.mark.parametrize("example", ["linear", "diabetes", "canary"])
def test_an_example_is_a_model_of_its_files_name(example: str) -> None:
    (body,) = of_kind(read(EXAMPLES / f"{example}.yaml"), "PredictionModel")

    assert PredictionModel.parse(body).metadata.name == example


def test_staging_and_production_are_a_pair() -> None:
    staging, production = (
        PredictionModel.parse(body)
        for name in ("staging", "production")
        for body in read(EXAMPLES / f"{name}.yaml")
    )

    assert staging.spec.promotion is not None
    assert any(target.includes(production.key) for target in staging.spec.promotion.allow_to)
    assert production.spec.promotion is not None
    assert production.spec.promotion.from_ is not None
    assert production.spec.promotion.from_.key == staging.key


def test_the_diabetes_example_holds_scikit_learns_data() -> None:
    objects = read(EXAMPLES / "diabetes.yaml")
    (model,) = of_kind(objects, "PredictionModel")
    (data,) = of_kind(objects, "ConfigMap")
    spec = trained(PredictionModel.parse(model)).data

    assert spec.volume is not None
    assert spec.volume.config_map is not None
    assert spec.volume.config_map.name == data["metadata"]["name"]
    frame = pd.read_csv(io.StringIO(data["data"][spec.uri.removeprefix("file:///data/")]))
    expected = load_diabetes(as_frame=True, scaled=False).frame
    assert frame.shape == (442, 11)
    assert (frame.drop(columns=spec.target) == expected.drop(columns="target")).all(axis=None)
    assert (frame[spec.target] == expected["target"]).all()


def test_the_node_port_of_the_demo_is_the_one_that_kind_maps() -> None:
    (service,) = read(EXAMPLES / "node-port.yaml")
    (kind,) = read(ROOT / "kind-config.yaml")

    (linear,) = read(EXAMPLES / "linear.yaml")

    (mapping,) = kind["nodes"][0]["extraPortMappings"]
    assert service["spec"]["ports"][0]["nodePort"] == mapping["containerPort"]
    assert service["spec"]["selector"] == live_selector(PredictionModel.parse(linear))
    assert [node["role"] for node in kind["nodes"]] == ["control-plane", "worker", "worker"]


@pytest.mark.parametrize("package", [*SERVICES, "core", "cli"])
def test_the_chart_and_the_packages_are_of_one_version(package: str) -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert chart["appVersion"] == importlib.metadata.version(f"perennial-{package}")
