"""A resource is read as written, or refused with every wrong field by its path."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest
from builders import trained

from perennial_core.errors import UserError
from perennial_core.identity import ModelKey
from perennial_core.resource import (
    DataFormat,
    DeletionPolicy,
    HoldoutStrategy,
    PredictionModel,
    crd,
)

MINIMAL: dict[str, Any] = {
    "apiVersion": "perennial.dev/v1alpha1",
    "kind": "PredictionModel",
    "metadata": {"name": "points"},
    "spec": {
        "training": {
            "data": {"uri": "sample://linear?rows=1000", "target": "y"},
            "estimator": {"class": "sklearn.linear_model.LinearRegression"},
        }
    },
}

ABSENT = object()


def changed(path: str, value: object) -> dict[str, Any]:
    """Return the minimal resource with one field set, or taken away."""
    resource = copy.deepcopy(MINIMAL)
    *parents, last = path.split(".")
    node = resource
    for name in parents:
        node = node.setdefault(name, {})
    if value is ABSENT:
        del node[last]
    else:
        node[last] = value
    return resource


def problem(resource: object) -> str:
    with pytest.raises(UserError) as refused:
        PredictionModel.parse(resource)
    return str(refused.value)


def test_the_defaults_are_those_of_the_documentation() -> None:
    model = PredictionModel.parse(MINIMAL)
    training, rollout, serving = trained(model), model.spec.rollout, model.spec.serving
    assert model.key == ModelKey("default", "points")
    assert (training.schedule, training.time_zone, training.suspend) == (None, "Etc/UTC", False)
    assert (training.timeout_seconds, training.retries) == (3600, 2)
    assert training.data.holdout.fraction == "0.2"
    assert training.data.holdout.strategy is HoldoutStrategy.RANDOM
    assert (training.data.format, training.data.skip_unchanged) == (None, True)
    assert (rollout.pinned_version, rollout.progress_deadline_seconds) == (None, 300)
    assert rollout.history_limit == 10
    assert (serving.replicas, serving.port, serving.service.type) == (1, 5001, "ClusterIP")
    assert model.spec.deletion_policy is DeletionPolicy.DELETE


def test_every_field_is_read() -> None:
    resource = changed("metadata.namespace", "tests")
    training = resource["spec"]["training"]
    training |= {"schedule": "*/5 8-18 * * MON-FRI", "timeZone": "Europe/Berlin", "retries": 0}
    training["data"] = {
        "uri": "file:///data/points.csv",
        "format": "csv",
        "delimiter": ";",
        "volume": {"persistentVolumeClaim": {"claimName": "feed"}},
        "target": "y",
        "features": ["x", "Größe (m²)"],
        "holdout": {"fraction": "0.25", "strategy": "Last"},
        "checks": {"minRows": 100, "columns": [{"name": "x", "maxNullShare": "0.05"}]},
        "skipUnchanged": False,
    }
    training["estimator"] = {
        "steps": [
            {"name": "scale", "class": "sklearn.preprocessing.StandardScaler"},
            {"name": "fit", "class": "sklearn.linear_model.Ridge", "params": {"alpha": 0.5}},
        ]
    }
    training["resources"] = {"requests": {"cpu": "500m", "memory": 1}, "limits": {"cpu": 2}}
    resource["spec"]["deletionPolicy"] = "Retain"
    resource["status"] = {"whatever": ["the", "API", "server", "has"]}
    model = PredictionModel.parse(resource)
    assert str(model.key) == "tests/points"
    assert trained(model).data.format is DataFormat.CSV
    assert trained(model).to_json()["data"] == training["data"] | {
        "holdout": {"fraction": "0.25", "strategy": "Last", "seed": 0}
    }
    assert trained(model).to_json()["resources"] == training["resources"]
    assert model.status == resource["status"]


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (
            "apiVersion",
            "perennial.dev/v2",
            "apiVersion: must be 'perennial.dev/v1alpha1', not 'perennial.dev/v2'",
        ),
        ("kind", "Model", "kind: must be 'PredictionModel', not 'Model'"),
        ("metadata.name", ABSENT, "metadata.name: this field is required"),
        ("metadata.name", "Points_1", "metadata.name: 'Points_1' is not at most 52 lower-case"),
        ("metadata.name", "p" * 53, "metadata.name: "),
        ("metadata.namespace", "a}b", "metadata.namespace: "),
        ("spec", ABSENT, "spec: this field is required"),
        ("spec.training", ABSENT, "spec: training: give it, or promotion"),
        ("spec.training.data", ABSENT, "spec.training.data: this field is required"),
        ("spec.training.data.target", ABSENT, "spec.training.data.target: this field is required"),
        ("spec.training.data.target", "", "spec.training.data.target: "),
        (
            "spec.training.data.uri",
            "/data/p.csv",
            "spec.training.data.uri: '/data/p.csv' is not an",
        ),
        ("spec.training.data.uri", "ftp://host/points.csv", "spec.training.data.uri: "),
        ("spec.training.data.format", "xlsx", "spec.training.data.format: "),
        ("spec.training.data.checks.minRows", 0, "spec.training.data.checks.minRows: must be at"),
        ("spec.training.data.checks.maxRows", "x", "spec.training.data.checks.maxRows: must be a"),
        (
            "spec.training.data.checks.columns",
            [{"min": "0"}],
            "spec.training.data.checks.columns.0.name: this field is required",
        ),
        (
            "spec.training.data.checks.columns",
            [{"name": "x", "min": "0,5"}],
            "spec.training.data.checks.columns.0.min: '0,5' is not a decimal",
        ),
        *(
            (
                "spec.training.data.checks.columns",
                [{"name": "x", "maxNullShare": share}],
                f"spec.training.data.checks.columns.0.maxNullShare: '{share}' is not a number from",
            )
            for share in ("1.1", "-0", ".5", "1.01", "2")
        ),
        ("spec.training.data.delimiter", ";;", "spec.training.data.delimiter: "),
        ("spec.training.data.features", [], "spec.training.data.features: "),
        ("spec.training.data.features", ["x", ""], "spec.training.data.features.1: "),
        ("spec.training.data.holdout.fraction", "1.5", "spec.training.data.holdout.fraction: "),
        ("spec.training.data.holdout.fraction", "0.0", "spec.training.data.holdout.fraction: "),
        ("spec.training.data.holdout.seed", -1, "spec.training.data.holdout.seed: "),
        ("spec.training.data.holdout.strategy", "First", "spec.training.data.holdout.strategy: "),
        ("spec.training.schedule", "every minute", "spec.training.schedule: "),
        ("spec.training.schedule", "* * * *", "spec.training.schedule: '* * * *' is not a cron"),
        ("spec.training.timeZone", "", "spec.training.timeZone: "),
        ("spec.training.timeoutSeconds", 0, "spec.training.timeoutSeconds: "),
        ("spec.training.retries", 11, "spec.training.retries: must be at most 10, not 11"),
        ("spec.training.estimator.class", "LinearRegression", "spec.training.estimator.class: "),
        ("spec.training.estimator.params", {"a": float("nan")}, "spec.training.estimator.params: "),
        ("spec.training.estimator.clas", "a.B", "spec.training.estimator.clas: "),
        ("spec.rollout.pinnedVersion", 0, "spec.rollout.pinnedVersion: "),
        ("spec.rollout.historyLimit", 0, "spec.rollout.historyLimit: "),
        ("spec.rollout.progressDeadlineSeconds", 9, "spec.rollout.progressDeadlineSeconds: "),
        ("spec.serving.replicas", -1, "spec.serving.replicas: "),
        ("spec.serving.port", 80, "spec.serving.port: must be at least 1024, not 80"),
        ("spec.serving.port", "x", "spec.serving.port: must be a whole number, not 'x'"),
        ("spec.serving.resources", {"limits": {"cpu": [1]}}, "spec.serving.resources.limits.cpu: "),
        ("spec.serving", [], "spec.serving: must be a mapping of fields, not []"),
        ("spec.serving.service.type", "External", "spec.serving.service.type: "),
        ("spec.serving.podTemplate.env", [{"name": "PERENNIAL_X"}], "spec.serving.podTemplate.env"),
        ("spec.deletionPolicy", "Keep", "spec.deletionPolicy: "),
        (
            "spec.gate",
            {"metrics": [{"name": "R2", "min": "0"}]},
            "spec.gate.metrics.0.name: 'R2' is",
        ),
        (
            "spec.gate",
            {"metrics": [{"name": "r2", "min": "0,8"}]},
            "spec.gate.metrics.0.min: '0,8'",
        ),
        ("spec.gate", {"metrics": [{"name": "r2"}]}, "spec.gate.metrics.0: give at least one of"),
        (
            "spec.gate",
            {"metrics": [{"name": "r2", "min": "10", "max": "9.5"}]},
            "spec.gate.metrics.0: min must not be above max",
        ),
        (
            "spec.gate",
            {"metrics": [{"name": "r2", "min": "0"}, {"name": "r2", "max": "1"}]},
            "spec.gate: metrics: 'r2' stands there twice",
        ),
        (
            "spec.gate.examples",
            [{"inputs": {}, "expected": float("nan")}],
            "spec.gate.examples.0.expected: must be a finite number, not nan",
        ),
        ("spec.gate", {"drift": {}}, "spec.gate.drift.max: this field is required"),
        ("spec.gate", {"drift": {"max": "-1"}}, "spec.gate.drift.max: '-1' is not a decimal"),
        ("spec.gate.examples", [{"expected": 1}], "spec.gate.examples.0.inputs: this field is"),
        ("spec.gate.examples", [{"inputs": {}, "expected": []}], "spec.gate.examples.0.expected: "),
        ("spec.gate.onFailure", "Ignore", "spec.gate.onFailure: "),
        ("spec.rollout.approval", "Auto", "spec.rollout.approval: "),
        ("spec.rollout.onNewerCandidate", "Drop", "spec.rollout.onNewerCandidate: "),
        ("spec.promotions", {}, "spec.promotions: there is no such field"),
        ("other", 1, "other: there is no such field"),
    ],
)
def test_a_wrong_field_is_named_by_its_path(path: str, value: object, expected: str) -> None:
    text = problem(changed(path, value))
    assert text.startswith(expected)
    assert ";" not in text or path == "apiVersion"


def test_all_wrong_fields_are_named_at_once() -> None:
    resource = changed("spec.serving.port", 80)
    resource["spec"]["rollout"] = {"historyLimit": "ten"}
    named = [part.partition(":")[0] for part in problem(resource).split("; ")]
    assert named == ["spec.rollout.historyLimit", "spec.serving.port"]


@pytest.mark.parametrize("resource", [None, [], "text", 7])
def test_what_is_no_resource_at_all_is_refused(resource: object) -> None:
    assert problem(resource).startswith("resource: must be a mapping of fields, not")


FILE = {"uri": "file:///data/p.csv", "target": "y"}
VOLUME = {"configMap": {"name": "feed"}}
CLAIM = {"persistentVolumeClaim": {"claimName": "feed"}}
CLASS = {"class": "sklearn.linear_model.Ridge"}
STEPS = {"steps": [{"name": "fit", **CLASS}]}


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("data", {**FILE, "features": ["x", "y"]}, "must not contain the target column 'y'"),
        ("data", {**FILE, "features": ["x", "x"]}, "features: 'x' stands there twice"),
        ("data", {**FILE, "volume": {}}, "exactly one of persistentVolumeClaim and configMap"),
        ("data", {**FILE, "volume": {**VOLUME, **CLAIM}}, "exactly one of"),
        ("data", {"uri": "https://h/p", "target": "y", "volume": VOLUME}, "only a file: uri"),
        ("data", {**FILE, "credentialsSecret": "s"}, "only http: and https: uris take"),
        ("data", {**FILE, "format": "parquet", "delimiter": ";"}, "only the csv format has one"),
        ("data.checks", {"minRows": 2, "maxRows": 1}, "minRows must not be above maxRows"),
        (
            "data.checks",
            {"columns": [{"name": "x", "min": "10", "max": "9.5"}]},
            "min must not be above max",
        ),
        ("data.checks", {"columns": [{"name": "x"}, {"name": "x"}]}, "'x' stands there twice"),
        ("estimator", {}, "give exactly one of class and steps"),
        ("estimator", {**CLASS, **STEPS}, "give exactly one of class and steps"),
        ("estimator", {**STEPS, "params": {}}, "params belongs to class"),
    ],
)
def test_fields_that_do_not_go_together_are_refused(
    path: str, value: dict[str, Any], expected: str
) -> None:
    text = problem(changed(f"spec.training.{path}", value))
    assert text.startswith(f"spec.training.{path}")
    assert expected in text


@pytest.mark.parametrize(
    "data",
    [
        FILE,  # on one machine, a file needs no volume
        {**FILE, "volume": VOLUME},
        {**FILE, "delimiter": ";"},
        {**FILE, "format": "csv", "delimiter": ";"},
        {"uri": "http://h/p.csv", "target": "y", "credentialsSecret": "s"},
        {**FILE, "checks": {}},
        {**FILE, "checks": {"minRows": 5, "maxRows": 5, "columns": [{"name": "z"}]}},
        {**FILE, "checks": {"columns": [{"name": "x", "min": "-1", "max": "-1.0"}]}},
        {**FILE, "checks": {"columns": [{"name": "x", "maxNullShare": "1.0"}]}},
    ],
)
def test_fields_that_go_together_are_taken(data: dict[str, Any]) -> None:
    assert PredictionModel.parse(changed("spec.training.data", data))


def test_every_rule_of_the_api_server_is_held_here_too() -> None:
    """But one: a file: uri needs a volume only in a cluster."""
    text = json.dumps(crd.custom_resource_definition(crd.PREDICTION_MODEL))
    messages = set(re.findall(r'"message": "([^"]*)"', text))
    assert {message.partition(":")[0] for message in messages} == {
        *("metadata.name", "volume", "features", "credentialsSecret", "delimiter"),
        *("estimator", "estimator.params", "env", "metrics", "checks"),
        *("rollout.canary", "rollout.shadow", "training", "streaming", "promotion.from"),
        "grpcPort",
    }
    assert len(messages) == 22


FROM = {"namespace": "staging", "name": "points"}


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("spec.promotion", {"from": FROM}, "promotion.from: takes the place of training"),
        ("spec.rollout", {"canary": {}}, "canary: belongs to strategy Canary"),
        ("spec.rollout", {"shadow": {}, "strategy": "Canary"}, "shadow: belongs to strategy"),
    ],
)
def test_what_belongs_to_another_way_is_refused(
    path: str, value: dict[str, Any], expected: str
) -> None:
    assert expected in problem(changed(path, value))


def test_a_model_takes_versions_from_another_or_from_its_namesake_elsewhere() -> None:
    model = changed("spec.training", ABSENT)
    own = {"namespace": "default", "name": model["metadata"]["name"]}
    model["spec"]["promotion"] = {"from": own}
    assert "spec.promotion.from: names this model itself" in problem(model)
    model["spec"]["promotion"] = {"from": {**own, "registrySecret": "far"}}
    assert PredictionModel.parse(model).spec.runs_field == "spec.promotion.from"


@pytest.mark.parametrize("port", [5001, 80, "grpc"])
def test_grpc_has_a_port_of_its_own(port: object) -> None:
    assert "grpcPort" in problem(changed("spec.serving.grpcPort", port))


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ([{"name": "PERENNIAL_X", "value": "1"}], "names that begin with PERENNIAL_"),
        ([{"name": "X", "value": "1", "valueFrom": {}}], "at most one of value and valueFrom"),
    ],
)
def test_environment_that_cannot_be_is_refused(env: list[Any], expected: str) -> None:
    text = problem(changed("spec.serving.podTemplate.env", env))
    assert text.startswith("spec.serving.podTemplate.env.0: ")
    assert expected in text
