"""The pods of the chart."""

from __future__ import annotations

import json

import pytest
from chart_rendering import EKS, VARIANTS, Body, needs_helm, of_kind, pods, render

from perennial_core.settings import RegistrySettings, from_environment
from perennial_operator.settings import OperatorSettings

pytestmark = needs_helm


def operator_environment(*arguments: str) -> dict[str, Body]:
    container = pods(render(*arguments))["Deployment/perennial-operator"]["containers"][0]
    return {variable["name"]: variable for variable in container["env"]}


def literal(environment: dict[str, Body]) -> dict[str, str]:
    return {name: entry["value"] for name, entry in environment.items() if "value" in entry}


@pytest.mark.parametrize("arguments", VARIANTS.values(), ids=VARIANTS)
def test_every_pod_has_a_read_only_root_and_no_privilege(arguments: list[str]) -> None:
    found = pods(render(*arguments))

    assert {name.partition("/")[0] for name in found} >= {"Deployment", "Pod"}
    for name, spec in found.items():
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["runAsUser"] > 0, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            }, name
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}, name
            assert "memory" in container["resources"]["limits"], name


def test_only_pods_that_call_the_cluster_bear_a_token() -> None:
    found = pods(render("--set", "crds.keep=false"))

    with_token = {
        name for name, spec in found.items() if spec.get("automountServiceAccountToken", True)
    }

    assert with_token == {"Deployment/perennial-operator", "Job/perennial-uninstall"}


def test_the_operator_reads_the_values_from_its_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = {
        "images": {
            **{"registry": "example.org", "repository": "ml", "tag": "9"},
            **{"pullPolicy": "Always", "pullSecrets": ["pull"]},
        },
        "operator": {
            **{"logLevel": "DEBUG", "watchNamespaces": ["a", "b"], "resyncSeconds": 7},
            **{"allowedModules": ["sklearn", "lightgbm"], "trustedTypes": ["lightgbm.Booster"]},
        },
        "registry": {"maxArtifactBytes": 536870912},
        "redis": {"enabled": False},
        "externalRedis": {"url": "rediss://host:6379/0"},
    }
    arguments = [f"{name}={json.dumps(value)}" for name, value in values.items()]
    given = literal(operator_environment(*(part for a in arguments for part in ("--set-json", a))))
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    settings = from_environment(OperatorSettings)
    registry = from_environment(RegistrySettings)

    assert settings.trainer_image == "example.org/ml/trainer:9"
    assert settings.predictor_image == "example.org/ml/predictor:9"
    assert settings.image_pull_policy == "Always"
    assert settings.image_pull_secrets == ["pull"]
    assert settings.allowed_modules == ["sklearn", "lightgbm"]
    assert settings.trusted_types == ["lightgbm.Booster"]
    assert settings.watch_namespaces == ["a", "b"]
    assert settings.resync_seconds == 7
    assert settings.log_level == "DEBUG"
    assert registry.url.get_secret_value() == "rediss://host:6379/0"
    assert registry.max_artifact_bytes == 536870912


def test_the_chart_writes_no_variable_that_nobody_reads() -> None:
    fields = {f"PERENNIAL_{name}".upper() for name in OperatorSettings.__struct_fields__}
    fields |= {f"PERENNIAL_REDIS_{name}".upper() for name in RegistrySettings.__struct_fields__}

    assert operator_environment().keys() <= fields
    assert operator_environment("-f", str(EKS)).keys() <= fields


def test_the_address_of_the_charts_redis_holds_in_every_namespace() -> None:
    objects = render(release="prod", namespace="ml")
    container = pods(objects)["Deployment/prod-operator"]["containers"][0]
    environment = {variable["name"]: variable for variable in container["env"]}

    services = {body["metadata"]["name"] for body in of_kind(objects, "Service")}
    assert environment["PERENNIAL_REDIS_URL"]["value"] == "redis://prod-redis.ml.svc:6379/0"
    assert "prod-redis" in services
    password = environment["PERENNIAL_REDIS_PASSWORD"]["valueFrom"]["secretKeyRef"]
    assert password == {"name": "prod-redis", "key": "password"}


def test_of_an_external_redis_the_secret_may_hold_any_of_its_keys() -> None:
    environment = operator_environment(
        *("--set", "redis.enabled=false", "--set", "externalRedis.existingSecret=mine")
    )

    references = {
        name: environment[name]["valueFrom"]["secretKeyRef"]
        for name in ("PERENNIAL_REDIS_URL", "PERENNIAL_REDIS_PASSWORD", "PERENNIAL_REDIS_CA")
    }
    assert references == {
        "PERENNIAL_REDIS_URL": {"name": "mine", "key": "url"},
        "PERENNIAL_REDIS_PASSWORD": {"name": "mine", "key": "password", "optional": True},
        "PERENNIAL_REDIS_CA": {"name": "mine", "key": "ca.crt", "optional": True},
    }


def test_every_pod_has_the_pull_secrets() -> None:
    found = pods(render("--set", "images.pullSecrets={ecr,other},crds.keep=false"))

    for name, spec in found.items():
        assert spec["imagePullSecrets"] == [{"name": "ecr"}, {"name": "other"}], name


@pytest.mark.parametrize(("replicas", "budgets"), [(1, 0), (2, 1)])
def test_a_disruption_budget_stands_only_where_a_replica_may_go(
    replicas: int, budgets: int
) -> None:
    objects = render("--set", f"operator.replicas={replicas}")

    assert len(of_kind(objects, "PodDisruptionBudget")) == budgets


def test_redis_keeps_its_data_and_refuses_what_does_not_fit() -> None:
    objects = render()
    (stateful_set,) = of_kind(objects, "StatefulSet")
    (configuration,) = of_kind(objects, "ConfigMap")

    lines = configuration["data"]["redis.conf"].splitlines()
    assert "appendonly yes" in lines
    assert "maxmemory-policy noeviction" in lines
    assert "dir /data" in lines
    (claim,) = stateful_set["spec"]["volumeClaimTemplates"]
    mounts = pods(objects)["StatefulSet/perennial-redis"]["containers"][0]["volumeMounts"]
    assert {"name": claim["metadata"]["name"], "mountPath": "/data"} in mounts


@pytest.mark.parametrize(("keep", "policy"), [("true", "Retain"), ("false", "Delete")])
def test_the_volume_stays_or_goes_with_the_chart_as_asked(keep: str, policy: str) -> None:
    (stateful_set,) = of_kind(render("--set", f"redis.persistence.keep={keep}"), "StatefulSet")

    retention = stateful_set["spec"]["persistentVolumeClaimRetentionPolicy"]
    assert retention["whenDeleted"] == policy


def test_an_upgrade_of_the_chart_alone_restarts_no_pod() -> None:
    for body in of_kind(render(), "StatefulSet") + of_kind(render(), "Deployment"):
        assert "helm.sh/chart" not in body["spec"]["template"]["metadata"]["labels"]
