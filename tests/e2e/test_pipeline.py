"""From a resource to predictions, and on through new data, bad data and deletion."""

from __future__ import annotations

import io

import kubectl
import pandas as pd
import pytest
from e2e import expectations, models
from e2e.installation import Installation
from sklearn.linear_model import LinearRegression

from perennial_core.identity import ModelKey


def test_a_prediction_equals_scikit_learns_own_on_the_same_data(served: str) -> None:
    data = pd.read_csv(io.StringIO(models.points()))
    trained_on = data.iloc[: int(len(data) * 0.8)]
    expected = LinearRegression().fit(trained_on[["x"]].to_numpy(), trained_on["y"])
    answer = expectations.predict(served, [100.0], {"x": -1.5})
    assert answer["predictions"] == pytest.approx(expected.predict([[100.0], [-1.5]]), rel=1e-9)
    assert (answer["model"], answer["version"]) == (f"{served}/points", 1)


def test_what_a_user_sees_of_a_model(served: str) -> None:
    table = kubectl.kubectl("get", "pm", "-n", served).splitlines()
    columns = ["NAME", "READY", "SERVING", "LATEST", "GATE", "SCHEDULE", "TRAINED", "AGE"]
    assert table[0].split() == columns
    assert table[1].split()[:5] == ["points", "True", "1", "1", "Approved"]
    reasons = [event["reason"] for event in kubectl.items("events", served)]
    assert {"RunPublished", "RollingOut", "RolledOut"} <= set(reasons)
    assert "version" in kubectl.kubectl("explain", "pm.status.serving")


def test_scaling_a_model_scales_its_predictors(served: str) -> None:
    kubectl.kubectl("scale", "pm", models.NAME, "--replicas=3", "-n", served)
    kubectl.until(
        lambda: expectations.model(served)["status"].get("readyReplicas"),
        lambda ready: ready == 3,
        "three pods are ready",
    )


def test_new_data_makes_a_new_version_within_one_period(namespace: str) -> None:
    scheduled = models.model(training__schedule="*/1 * * * *")
    kubectl.apply(models.feed(models.points()), scheduled, namespace=namespace)
    first = kubectl.until(
        lambda: expectations.model(namespace), expectations.serving, "a version serves"
    )["status"]["latest"]["version"]
    kubectl.apply(models.feed(models.points(slope=5.0)), namespace=namespace)
    # One period, and what the kubelet takes to bring the ConfigMap and the run to its end.
    expectations.serves(namespace, first + 1, seconds=150)
    assert expectations.predict(namespace, [100.0])["predictions"][0] == pytest.approx(503, abs=2)


def test_bad_data_leaves_the_old_model_serving_and_says_why(served: str) -> None:
    kubectl.apply(models.feed("x,z\n1,2\n3,4\n"), namespace=served)
    kubectl.kubectl("annotate", "pm", models.NAME, "perennial.dev/train=now", "-n", served)
    body = expectations.has_condition(served, "Trained", "False", "points.csv")
    assert "'y'" in kubectl.condition(body, "Trained")["message"]
    assert kubectl.condition(body, "Degraded")["reason"] == "RunFailed"
    assert expectations.serving(body) == 1
    assert expectations.predict(served, [100.0])["predictions"][0] == pytest.approx(203, abs=2)


def test_an_edit_into_nonsense_is_refused_and_names_the_field(served: str) -> None:
    wrong = models.model(training__data__holdout={"fraction": "1.5"}, serving__port=80)
    with pytest.raises(kubectl.CommandFailed) as refusal:
        kubectl.apply(wrong, namespace=served)
    assert "spec.training.data.holdout.fraction" in str(refusal.value)
    assert "spec.serving.port" in str(refusal.value)
    assert expectations.serving(expectations.model(served)) == 1


async def test_a_deleted_model_leaves_no_object_and_no_key(
    served: str, perennial: Installation
) -> None:
    kubectl.kubectl("delete", "pm", models.NAME, "-n", served, "--timeout=120s")
    kinds = (
        "modelversions,cronjobs,jobs,deployments,services,configmaps,secrets,serviceaccounts,pods"
    )
    kubectl.until(
        lambda: kubectl.items(kinds, served, "app.kubernetes.io/managed-by=perennial"),
        lambda left: not left,
        "all objects are gone",
    )
    async with perennial.registry() as registry:
        snapshot = await registry.snapshot(ModelKey(served, models.NAME))
    assert snapshot.latest is None
    assert snapshot.last_run is None
