"""Models for the operator's tests: the least that a user may write, and everything."""

from __future__ import annotations

from typing import Any

from perennial_core.resource import PredictionModel
from perennial_core.settings import RegistrySettings
from perennial_operator.settings import OperatorSettings

Body = dict[str, Any]

MINIMAL: Body = {
    "training": {
        "data": {"uri": "sample://linear", "target": "y"},
        "estimator": {"class": "sklearn.linear_model.LinearRegression"},
    }
}

MAXIMAL: Body = {
    "training": {
        "schedule": "*/5 * * * *",
        "timeZone": "Europe/Berlin",
        "suspend": True,
        "data": {
            "uri": "file:///data/points.csv",
            "format": "csv",
            "delimiter": ";",
            "volume": {"persistentVolumeClaim": {"claimName": "feed"}},
            "target": "y",
            "features": ["x"],
            "holdout": {"fraction": "0.3", "strategy": "Last", "seed": 7},
            "skipUnchanged": False,
        },
        "estimator": {
            "steps": [
                {"name": "scale", "class": "sklearn.preprocessing.StandardScaler"},
                {"name": "fit", "class": "sklearn.linear_model.Ridge", "params": {"alpha": 0.5}},
            ]
        },
        "resources": {"requests": {"cpu": "500m"}, "limits": {"memory": "1Gi"}},
        "timeoutSeconds": 600,
        "retries": 1,
    },
    "rollout": {"pinnedVersion": 3, "progressDeadlineSeconds": 60, "historyLimit": 5},
    "serving": {
        "replicas": 3,
        "port": 8080,
        "grpcPort": 8081,
        "resources": {"requests": {"cpu": "250m", "memory": "128Mi"}, "limits": {"cpu": 1}},
        "service": {"type": "LoadBalancer", "annotations": {"example.com/scheme": "internal"}},
        "podTemplate": {
            "nodeSelector": {"disk": "fast"},
            "tolerations": [{"key": "gpu", "operator": "Exists"}],
            "affinity": {"podAntiAffinity": {}},
            "topologySpreadConstraints": [
                {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
            ],
            "annotations": {"example.com/team": "forecast"},
            "env": [
                {"name": "TZ", "value": "UTC"},
                {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
            ],
        },
    },
    "deletionPolicy": "Retain",
}

PROMOTED: Body = {
    "promotion": {
        "from": {
            "namespace": "staging",
            "name": "points",
            "registrySecret": "staging-registry",
            "version": 7,
            "versionChangedBy": "bob",
            "schedule": "*/5 * * * *",
            "data": {
                "uri": "https://example.com/points.csv",
                "credentialsSecret": "feed",
                "target": "y",
            },
        },
        "allowTo": [{"namespace": "trial"}],
    },
}


def model_body(
    spec: Body = MINIMAL, *, name: str = "points", namespace: str = "shop", **metadata: Any
) -> Body:
    """Return a model as YAML has it."""
    return {
        "apiVersion": "perennial.dev/v1alpha1",
        "kind": "PredictionModel",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": spec,
    }


def read_model(
    spec: Body = MINIMAL, *, status: Body | None = None, **metadata: Any
) -> PredictionModel:
    """Return a model as the operator reads it."""
    known: Body = {"uid": "11111111", "generation": 1}
    body = model_body(spec, **known | metadata)
    return PredictionModel.parse({**body, "status": status or {}})


def merged(spec: Body, **changes: Any) -> Body:
    """Return a spec with parts changed: ``merged(MINIMAL, serving={"replicas": 2})``."""
    return {**spec, **{name: {**spec.get(name, {}), **part} for name, part in changes.items()}}


def operator_settings(**changes: Any) -> OperatorSettings:
    given: Body = {
        "identity": "tests",
        "trainer_image": "localhost/perennial/trainer:tests",
        "predictor_image": "localhost/perennial/predictor:tests",
        "image_pull_policy": "Never",
    }
    return OperatorSettings.of(given | changes)


def redis_settings(password: str = "red-apple") -> RegistrySettings:
    url = "redis://redis.perennial.svc:6379/0"
    return RegistrySettings.of({"url": url, "password": password})
