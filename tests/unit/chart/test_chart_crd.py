"""The CustomResourceDefinition in the chart, and what becomes of it."""

from __future__ import annotations

from chart_rendering import needs_helm, of_kind, render

from perennial_core.resource.crd import custom_resource_definition

pytestmark = needs_helm

KEEP = {"helm.sh/resource-policy": "keep"}


def test_the_chart_installs_the_crd_that_the_types_define() -> None:
    (crd,) = of_kind(render(), "CustomResourceDefinition")
    expected = custom_resource_definition()

    assert crd["spec"] == expected["spec"]
    assert crd["metadata"]["name"] == expected["metadata"]["name"]
    assert crd["metadata"]["labels"]["app.kubernetes.io/part-of"] == "perennial"


def test_the_crd_and_the_models_stay_when_the_chart_goes() -> None:
    objects = render()
    (crd,) = of_kind(objects, "CustomResourceDefinition")

    assert crd["metadata"]["annotations"] == KEEP
    assert not of_kind(objects, "Job")


def test_models_are_deleted_before_a_crd_that_does_not_stay() -> None:
    objects = render("--set", "crds.keep=false")
    (crd,) = of_kind(objects, "CustomResourceDefinition")
    (job,) = of_kind(objects, "Job")

    assert KEEP.items().isdisjoint(crd["metadata"].get("annotations", {}).items())
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-delete"
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["uninstall"]


def test_without_crds_the_chart_neither_installs_nor_deletes_them() -> None:
    objects = render("--set", "crds.enabled=false,crds.keep=false")

    assert not of_kind(objects, "CustomResourceDefinition")
    assert not of_kind(objects, "Job")
