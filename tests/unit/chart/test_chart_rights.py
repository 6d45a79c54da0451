"""What the chart lets whom do."""

from __future__ import annotations

import pytest
from chart_rendering import Body, needs_helm, of_kind, render

pytestmark = needs_helm

WRITTEN = {"create", "patch", "delete"}


def verbs(roles: list[Body], resource: str) -> set[str]:
    """Return what the roles together allow with a resource."""
    return {
        verb
        for role in roles
        for rule in role["rules"]
        if resource in rule["resources"]
        for verb in rule["verbs"]
    }


def operator_roles(objects: list[Body]) -> list[Body]:
    roles = of_kind(objects, "ClusterRole") + of_kind(objects, "Role")
    return [role for role in roles if "operator" in role["metadata"]["name"]]


def test_the_operator_writes_secrets_and_never_reads_them() -> None:
    assert verbs(operator_roles(render()), "secrets") == WRITTEN


def test_no_rule_of_the_operator_holds_a_wildcard() -> None:
    for role in operator_roles(render()):
        for rule in role["rules"]:
            assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]


def test_only_the_uninstall_hook_deletes_models() -> None:
    objects = render("--set", "crds.keep=false,rbac.userRoles=false")
    deleting = [
        role["metadata"]["name"]
        for role in of_kind(objects, "ClusterRole") + of_kind(objects, "Role")
        if "delete" in verbs([role], "predictionmodels")
    ]

    assert deleting == ["perennial-uninstall"]


def test_with_named_namespaces_the_operator_has_rights_only_there() -> None:
    objects = render("--set", "operator.watchNamespaces={a,b}")
    (cluster_wide,) = [
        role
        for role in of_kind(objects, "ClusterRole")
        if role["metadata"]["name"] == "perennial-operator"
    ]

    assert {(*rule["resources"], *rule["verbs"]) for rule in cluster_wide["rules"]} == {
        ("customresourcedefinitions", "get", "list", "watch"),
        ("namespaces", "list", "watch"),
    }
    roles = [role for role in of_kind(objects, "Role") if verbs([role], "predictionmodels")]
    assert [role["metadata"]["namespace"] for role in roles] == ["a", "b"]
    bound = {
        body["metadata"]["namespace"]
        for body in of_kind(objects, "RoleBinding")
        if body["roleRef"]["name"] == "perennial-operator"
    }
    assert bound == {"a", "b"}


def test_every_binding_names_a_role_and_an_account_that_the_chart_makes() -> None:
    objects = render("--set", "crds.keep=false,operator.watchNamespaces={a}")
    accounts = {body["metadata"]["name"] for body in of_kind(objects, "ServiceAccount")}
    roles = {
        (body["kind"], body["metadata"]["name"])
        for kind in ("Role", "ClusterRole")
        for body in of_kind(objects, kind)
    }

    bindings = of_kind(objects, "RoleBinding") + of_kind(objects, "ClusterRoleBinding")

    assert bindings
    for binding in bindings:
        assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) in roles
        assert {subject["name"] for subject in binding["subjects"]} <= accounts


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("view", {"get", "list", "watch"}),
        ("edit", {"create", "update", "patch", "delete", "deletecollection"}),
        ("admin", {"*"}),
    ],
)
def test_the_clusters_own_roles_extend_to_models(role: str, allowed: set[str]) -> None:
    label = f"rbac.authorization.k8s.io/aggregate-to-{role}"
    roles = [
        body
        for body in of_kind(render(), "ClusterRole")
        if body["metadata"]["labels"].get(label) == "true"
    ]

    assert allowed <= verbs(roles, "predictionmodels")
    assert role != "view" or verbs(roles, "predictionmodels") == allowed
