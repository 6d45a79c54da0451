"""The objects of a trial: the pods with the version that is tried, and how requests reach them.

The pods have the settings of those that serve. A canary's are selected by the model's own Service;
a shadow's have a Service of their own, to which those that serve send copies of their requests.
"""

from __future__ import annotations

from perennial_core.resource import PredictionModel
from perennial_core.resource.rollout import Strategy
from perennial_operator.build.deployment import (
    SHADOW_SUFFIX,
    Release,
    build_deployment,
    with_release,
)
from perennial_operator.build.metadata import labels, owned, selector
from perennial_operator.kinds import SERVICE, TRAFFIC_LABEL, VERSION_LABEL, Body

_CANARY, _SHADOW = "canary", "shadow"
_SHADOW_VARIABLE = "PERENNIAL_SHADOW_URL"
_SUFFIXES = {_CANARY: "-canary", _SHADOW: SHADOW_SUFFIX}


def component_of(strategy: Strategy) -> str:
    """Return what the pods of a trial are for, as their labels say it."""
    return _SHADOW if strategy is Strategy.SHADOW else _CANARY


def trial_name(model_name: str, component: str) -> str:
    """Return the name of a trial's objects."""
    return f"{model_name}{_SUFFIXES[component]}"


def trial_names(model_name: str) -> frozenset[str]:
    """Return all names that a trial's objects can have."""
    return frozenset(trial_name(model_name, component) for component in _SUFFIXES)


def build_trial(
    model: PredictionModel, serving: Body, release: Release, strategy: Strategy, pods: int
) -> list[Body]:
    """Return the objects of a trial.

    Args:
        model: Whom they belong to.
        serving: The pod template of what serves.
        release: The version that is tried.
        strategy: Canary or Shadow.
        pods: How many have the version.
    """
    component = component_of(strategy)
    name = trial_name(model.metadata.name, component)
    template = trial_template(model, serving, release, component)
    deployment = build_deployment(model, template, component, name=name, replicas=pods)
    return [deployment, _shadow_service(model, name)] if component == _SHADOW else [deployment]


def trial_template(model: PredictionModel, serving: Body, release: Release, component: str) -> Body:
    """Return the pod template of a trial, from that of what serves."""
    template = with_release(serving, release)
    marks = {
        key: value
        for key, value in template["metadata"]["labels"].items()
        if key == VERSION_LABEL or (key == TRAFFIC_LABEL and component == _CANARY)
    }
    (container,) = template["spec"]["containers"]
    # a shadow that sent copies on would send them to itself
    env = [variable for variable in container["env"] if variable["name"] != _SHADOW_VARIABLE]
    return {
        **template,
        "metadata": {**template["metadata"], "labels": {**labels(model, component), **marks}},
        "spec": {**template["spec"], "containers": [{**container, "env": env}]},
    }


def _shadow_service(model: PredictionModel, name: str) -> Body:
    port = {
        "name": "http",
        "port": model.spec.serving.port,
        "targetPort": "http",
        "protocol": "TCP",
    }
    spec = {"type": "ClusterIP", "selector": selector(model, _SHADOW), "ports": [port]}
    return owned(SERVICE, model, _SHADOW, {"spec": spec}, name=name)
