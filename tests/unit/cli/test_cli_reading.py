"""What objects of the cluster tell of models and pods."""

from __future__ import annotations

from typing import Any

import pytest
from local_run import resource

from perennial_cli.cluster.reading import model_view, pod_selector, pod_view
from perennial_core.resource import PredictionModel
from perennial_operator.build.metadata import labels
from perennial_operator.kinds import VERSION_LABEL, Body

METADATA: Body = {"name": "points", "namespace": "shop", "uid": "u"}
MODEL = PredictionModel.parse({**resource(), "metadata": METADATA})


def model(ready: bool = True, **status: Any) -> Body:
    """Return a model that serves version 3."""
    condition = {"type": "Ready", "status": str(ready), "reason": "so", "message": "so"}
    return {
        "metadata": METADATA,
        "spec": {"rollout": {"strategy": "HotSwap"}},
        "status": {"conditions": [condition], "serving": {"version": 3, "digest": "d"}, **status},
    }


def pod(component: str, version: str | None = None, ready: bool = True) -> Body:
    marks = {} if version is None else {VERSION_LABEL: version}
    return {
        "metadata": {"name": f"points-{component}", "labels": labels(MODEL, component) | marks},
        "status": {"conditions": [{"type": "Ready", "status": str(ready)}]},
    }


@pytest.mark.parametrize("component", ["predictor", "canary", "shadow"])
def test_pods_on_trial_are_among_those_of_the_model_and_say_what_they_are(component: str) -> None:
    body = pod(component, "4")
    assert body["metadata"]["labels"]["app.kubernetes.io/name"] in pod_selector("points")
    view = pod_view(body, model_view(model(), []))
    assert (view.role, view.version, view.follows) == (component, 4, False)


def test_pods_that_train_are_not_among_them() -> None:
    assert labels(MODEL, "trainer")["app.kubernetes.io/name"] not in pod_selector("points")


@pytest.mark.parametrize(
    ("model_is_ready", "pod_is_ready", "version"),
    [(True, True, 3), (True, False, None), (False, True, None)],
)
def test_a_pod_that_follows_the_registry_has_the_version_that_all_ready_ones_answer_with(
    model_is_ready: bool, pod_is_ready: bool, version: int | None
) -> None:
    body = pod("predictor", ready=pod_is_ready)
    view = pod_view(body, model_view(model(ready=model_is_ready), []))
    assert (view.version, view.follows, view.ready) == (version, True, pod_is_ready)
