"""What the chart accepts and refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import yaml
from chart_rendering import CHART, EKS, VARIANTS, Body, ChartRefused, needs_helm, of_kind, render

pytestmark = needs_helm


def paths(tree: Body, below: str | None = None, prefix: str = "") -> Iterator[str]:
    """Yield the dotted path of each name in a tree, whose branches may lie below a key."""
    for name, part in (tree if below is None else tree.get(below, {})).items():
        yield prefix + name
        if isinstance(part, dict):
            yield from paths(part, below, f"{prefix}{name}.")


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ("redis.enabled=false", ["externalRedis.url", "externalRedis.existingSecret"]),
        ("externalRedis.url=redis://host", ["redis.enabled=false"]),
        (
            "redis.enabled=false,redis.existingSecret=s,externalRedis.url=redis://host",
            ["externalRedis.existingSecret"],
        ),
    ],
)
def test_values_that_contradict_each_other_are_refused_with_what_to_do(
    values: str, names: list[str]
) -> None:
    with pytest.raises(ChartRefused) as refused:
        render("--set", values)

    for name in names:
        assert name in str(refused.value)


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ("operator.replica=2", "replica"),
        ("redis.persistance.size=1Gi", "persistance"),
        ("operator.replicas=0", "/operator/replicas"),
        ("operator.logLevel=debug", "/operator/logLevel"),
        ("operator.allowedModules={os; import}", "/operator/allowedModules"),
        ("externalRedis.url=http://host", "/externalRedis/url"),
        ("redis.maxMemory=lots", "/redis/maxMemory"),
        ("images.pullPolicy=Sometimes", "/images/pullPolicy"),
        ("registry.maxArtifactBytes=0", "/registry/maxArtifactBytes"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(values: str, names: str) -> None:
    with pytest.raises(ChartRefused, match=names):
        render("--set", values)


def test_the_schema_knows_no_value_that_the_chart_does_not_list() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    freely_filled = {"global", "operator.resources", "redis.resources"}
    for path in set(paths(schema, "properties")) - freely_filled:
        assert path in set(paths(values)), f"values.yaml does not list {path}"


@pytest.mark.parametrize("arguments", VARIANTS.values(), ids=VARIANTS)
def test_every_object_says_where_it_belongs(arguments: list[str]) -> None:
    cluster_wide = {
        *("ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"),
        *("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
    }

    for body in render(*arguments, release="prod", namespace="ml"):
        where = body["metadata"].get("namespace")
        assert (where is None) == (body["kind"] in cluster_wide), body["kind"]
        assert where in {None, "ml", "a", "b"}


def test_eks_uses_elasticache_with_tls_and_a_role() -> None:
    objects = render("-f", str(EKS))

    assert not of_kind(objects, "StatefulSet")
    assert not of_kind(objects, "Secret")
    (account,) = of_kind(objects, "ServiceAccount")
    assert "eks.amazonaws.com/role-arn" in account["metadata"]["annotations"]


def test_the_same_values_make_the_same_objects_when_the_password_is_given() -> None:
    given = ("--set", "redis.existingSecret=mine")

    assert render(*given) == render(*given)
    assert not of_kind(render(*given), "Secret")


def test_a_generated_password_is_long_and_random() -> None:
    (one,), (other,) = of_kind(render(), "Secret"), of_kind(render(), "Secret")

    assert one["data"]["password"] != other["data"]["password"]
    assert len(one["data"]["password"]) >= 32


@pytest.mark.parametrize("release", ["p", "a-very-long-release-name-of-fifty-three-characters-xx"])
def test_the_model_of_helm_test_has_a_name_that_models_may_have(release: str) -> None:
    (model,) = of_kind(render(release=release), "PredictionModel")

    assert len(model["metadata"]["name"]) <= 52
    assert model["spec"]["training"]["data"]["target"] == "y"


def test_the_client_of_helm_test_asks_the_model_and_not_itself() -> None:
    (model,) = of_kind(render(), "PredictionModel")
    (client,) = of_kind(render(), "Pod")

    (container,) = client["spec"]["containers"]
    assert container["args"][-1] == "http://perennial-test.perennial.svc:5001/?msg=100"
    assert model["metadata"]["name"] == "perennial-test"
    assert client["metadata"]["name"] != "perennial-test"
