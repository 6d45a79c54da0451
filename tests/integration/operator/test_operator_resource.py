"""The resource as kubectl shows and refuses it."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import kubectl
import pytest
from operator_bench import NOWHERE, Bench, CountingCluster, Kubelet, has_ready, serves
from operator_models import MAXIMAL, MINIMAL, Body, merged, model_body

from perennial_operator.cluster import ClusterRefused
from perennial_operator.kinds import DEPLOYMENT


def changed(path: str, value: Any) -> Body:
    """Return the least spec with one field set: ``changed("serving.port", 80)``."""
    spec = copy.deepcopy(MINIMAL)
    part = spec
    *parents, last = path.split(".")
    for parent in parents:
        part = part.setdefault(parent, {})
    part[last] = value
    return spec


@pytest.mark.parametrize("spec", [MINIMAL, MAXIMAL], ids=["minimal", "maximal"])
async def test_a_good_model_is_taken(api: CountingCluster, spec: Body) -> None:
    await api.check(model_body(spec, namespace="default"))


FILE = {"uri": "file:///data/points.csv", "target": "y"}
VOLUME = {"configMap": {"name": "points"}}
WEB = {"uri": "https://example.com/points.csv", "target": "y"}
STEP = {"name": "fit", "class": "sklearn.linear_model.Ridge"}


REFUSED: list[tuple[str, Any, str]] = [
    ("training", None, "training: give it, or promotion"),
    ("promotion", {"from": {"namespace": "staging", "name": "points"}}, "promotion.from: takes"),
    ("rollout", {"canary": {}}, "rollout.canary: belongs to strategy Canary"),
    ("rollout", {"shadow": {}}, "rollout.shadow: belongs to strategy Shadow"),
    ("training.schedule", "every minute", "spec.training.schedule"),
    ("training.schedule", "* * * *", "spec.training.schedule"),
    ("training.schedule", "TZ=UTC * * * * *", "spec.training.schedule"),
    ("training.timeZone", "UTC; rm", "spec.training.timeZone"),
    ("training.timeoutSeconds", 0, "spec.training.timeoutSeconds"),
    ("training.retries", 11, "spec.training.retries"),
    ("training.retrys", 1, "spec.training.retrys"),
    ("training.data.uri", "ftp://example.com/points.csv", "spec.training.data.uri"),
    ("training.data.format", "xlsx", "spec.training.data.format"),
    ("training.data.target", None, "spec.training.data.target"),
    ("training.data.target", "", "spec.training.data.target"),
    ("training.data.features", [], "spec.training.data.features"),
    ("training.data.features", ["x", "x"], "spec.training.data.features"),
    ("training.data.features", ["x", "y"], "features: must not contain the target"),
    ("training.data.holdout", {"fraction": "1.5"}, "spec.training.data.holdout.fraction"),
    ("training.data.holdout", {"strategy": "First"}, "spec.training.data.holdout.strategy"),
    ("training.data.volume", VOLUME, "volume: only a file: uri reads from a volume"),
    ("training.data", FILE, "volume: a file: uri needs the volume"),
    ("training.data", {**FILE, "volume": {}}, "volume: give exactly one of"),
    ("training.data.credentialsSecret", "s", "credentialsSecret: only http"),
    ("training.data", {**WEB, "credentialsSecret": "No Name"}, "credentialsSecret"),
    ("training.data", {**WEB, "format": "parquet", "delimiter": ";"}, "delimiter: only the csv"),
    ("training.data.delimiter", ";;", "spec.training.data.delimiter"),
    ("training.estimator", {}, "estimator: give exactly one of class and steps"),
    ("training.estimator.steps", [STEP], "estimator: give exactly one of class and steps"),
    ("training.estimator", {"steps": [STEP], "params": {"a": 1}}, "estimator.params"),
    ("training.estimator", {"steps": [STEP, STEP]}, "spec.training.estimator.steps[1]"),
    ("training.estimator", {"class": "LinearRegression"}, "spec.training.estimator.class"),
    ("rollout.pinnedVersion", 0, "spec.rollout.pinnedVersion"),
    ("rollout.progressDeadlineSeconds", 5, "spec.rollout.progressDeadlineSeconds"),
    ("rollout.historyLimit", 0, "spec.rollout.historyLimit"),
    ("serving.replicas", -1, "spec.serving.replicas"),
    ("serving.port", 80, "spec.serving.port"),
    ("serving.grpcPort", 80, "spec.serving.grpcPort"),
    ("serving.grpcPort", 5001, "grpcPort: give another than port"),
    ("serving.service.type", "ExternalName", "spec.serving.service.type"),
    ("serving.resources.limits.cpu", 0.5, "spec.serving.resources.limits.cpu"),
    (
        "serving.podTemplate.env",
        [{"name": "PERENNIAL_PORT", "value": "1"}],
        "env: names that begin with PERENNIAL_",
    ),
    (
        "serving.podTemplate.env",
        [{"name": "A", "value": "1", "valueFrom": {}}],
        "env: give at most one of value and valueFrom",
    ),
    (
        "serving.podTemplate.env",
        [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}],
        "spec.serving.podTemplate.env[1]",
    ),
    ("serving.podTemplate.hostNetwork", True, "spec.serving.podTemplate.hostNetwork"),
    ("deletionPolicy", "Keep", "spec.deletionPolicy"),
]


@pytest.mark.parametrize(("path", "value", "words"), REFUSED, ids=lambda value: str(value)[:30])
async def test_what_is_wrong_is_refused_with_the_name_of_the_field(
    api: CountingCluster, path: str, value: Any, words: str
) -> None:
    with pytest.raises(ClusterRefused, match=re.escape(words)):
        await api.check(model_body(changed(path, value), namespace="default"))


@pytest.mark.parametrize("name", ["9points", "points.v2", "p" * 53])
async def test_a_name_from_which_no_objects_can_be_named_is_refused(
    api: CountingCluster, name: str
) -> None:
    with pytest.raises(ClusterRefused, match=r"metadata\.name"):
        await api.check(model_body(name=name, namespace="default"))


async def test_kubectl_apply_says_what_is_wrong(bench: Bench) -> None:
    body = model_body(changed("serving.port", 80), namespace=bench.namespace)

    with pytest.raises(kubectl.CommandFailed, match=r"spec\.serving\.port.* 1024"):
        kubectl.apply(body, namespace=bench.namespace)


def test_kubectl_explains_every_field_of_the_spec(crd: None) -> None:
    text = kubectl.kubectl("explain", "pm.spec", "--recursive")

    for field in ("training", "schedule", "pinnedVersion", "podTemplate", "deletionPolicy"):
        assert field in text
    about = kubectl.kubectl("explain", "pm.spec.rollout.progressDeadlineSeconds")
    assert "goes back to the version that served before" in " ".join(about.split())


async def test_kubectl_gets_scales_waits_and_describes(bench: Bench, kubelet: Kubelet) -> None:
    spec = merged(MINIMAL, training={"schedule": "@daily", "suspend": True}, serving=NOWHERE)
    await bench.apply(spec)
    await bench.publish()
    await bench.until(serves(1), "it serves")
    there = ("-n", bench.namespace)

    shown = kubectl.kubectl("get", "pm", *there).splitlines()
    columns = ["NAME", "READY", "SERVING", "LATEST", "GATE", "SCHEDULE", "TRAINED", "AGE"]
    assert shown[0].split() == columns
    assert shown[1].split()[:5] == ["points", "True", "1", "1", "Approved"]
    wide = kubectl.kubectl("get", "pm", "-o", "wide", *there)
    assert "version 1 answers from 1 of 1 pods" in wide
    assert "points" in kubectl.kubectl("get", "all", *there)

    kubectl.kubectl("wait", "pm/points", "--for=condition=Ready", "--timeout=5s", *there)

    kubectl.kubectl("scale", "pm/points", "--replicas=2", *there)
    await bench.until(has_ready(2), "two pods are ready")
    deployment = await bench.live(DEPLOYMENT)
    assert deployment is not None
    assert deployment["spec"]["replicas"] == 2
    scale = json.loads(
        kubectl.kubectl(
            "get", "--raw",
            f"/apis/perennial.dev/v1alpha1/namespaces/{bench.namespace}"
            "/predictionmodels/points/scale",
        )
    )  # fmt: skip
    assert scale["status"]["replicas"] == 2
    pods = kubectl.items("pods", bench.namespace, scale["status"]["selector"])
    assert len(pods) == 2

    described = kubectl.kubectl("describe", "pm/points", *there)
    assert "version 1 is rolled out" in described
    assert "RolledOut" in described.partition("Events:")[2]


async def test_the_api_server_takes_the_largest_status(bench: Bench, kubelet: Kubelet) -> None:
    """The status holds a pod template; what the schema does not know would be lost."""
    template = {**MAXIMAL["serving"]["podTemplate"], **NOWHERE["podTemplate"]}
    spec = {**MAXIMAL, "rollout": {"progressDeadlineSeconds": 60}}
    await bench.apply(merged(spec, serving={"podTemplate": template}))
    await bench.publish()

    model = await bench.until(serves(1), "it serves")
    await bench.settle()

    deployment = await bench.live(DEPLOYMENT)
    assert deployment is not None
    remembered = model["status"]["rollout"]["template"]["spec"]
    spread = "topologySpreadConstraints"
    assert remembered[spread] == template[spread]
    bench.cluster.writes.clear()
    bench.start_anew()
    await bench.reconcile()
    assert not [write for write in bench.cluster.writes if "status" in write]
