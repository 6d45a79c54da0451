"""The CustomResourceDefinition in the chart, and what becomes of it."""

from __future__ import annotations

from chart_rendering import needs_helm, of_kind, render

from perennial_core.resource.crd import DEFINITIONS, custom_resource_definition

pytestmark = needs_helm

KEEP = {"helm.sh/resource-policy": "keep"}


def test_the_chart_installs_the_crds_that_the_types_define() -> None:
    found = {crd["metadata"]["name"]: crd for crd in of_kind(render(), "CustomResourceDefinition")}
    expected = list(map(custom_resource_definition, DEFINITIONS))

    assert set(found) == {crd["metadata"]["name"] for crd in expected}
    for crd in expected:
        installed = found[crd["metadata"]["name"]]
        assert installed["spec"] == crd["spec"]
        assert installed["metadata"]["labels"]["app.kubernetes.io/part-of"] == "perennial"


def test_the_crd_and_the_models_stay_when_the_chart_goes() -> None:
    objects = render()
    crds = of_kind(objects, "CustomResourceDefinition")

    assert [crd["metadata"]["annotations"] for crd in crds] == [KEEP, KEEP]
    assert not of_kind(objects, "Job")


def test_models_are_deleted_before_a_crd_that_does_not_stay() -> None:
    objects = render("--set", "crds.keep=false")
    crds = of_kind(objects, "CustomResourceDefinition")
    (job,) = of_kind(objects, "Job")

    for crd in crds:
        assert KEEP.items().isdisjoint(crd["metadata"].get("annotations", {}).items())
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-delete"
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["uninstall"]


def test_without_crds_the_chart_neither_installs_nor_deletes_them() -> None:
    objects = render("--set", "crds.enabled=false,crds.keep=false")

    assert not of_kind(objects, "CustomResourceDefinition")
    assert not of_kind(objects, "Job")
