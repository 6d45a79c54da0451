"""The chart goes, and leaves nothing but what it is told to keep."""

from __future__ import annotations

import kubectl
import pytest
from e2e import expectations, installation, models
from e2e.documents import blocks, shell
from e2e.installation import NAMESPACE, RELEASE, Installation

OF_THE_RELEASE = f"app.kubernetes.io/instance={RELEASE}"
CLUSTER_KINDS = "clusterroles,clusterrolebindings"
KINDS = "all,configmaps,secrets,serviceaccounts,roles,rolebindings,leases,poddisruptionbudgets"


def what_is_left() -> list[str]:
    left = kubectl.items(KINDS, NAMESPACE, OF_THE_RELEASE)
    left += kubectl.items(CLUSTER_KINDS, NAMESPACE, OF_THE_RELEASE)
    return [f"{body['kind']} {body['metadata']['name']}" for body in left]


def test_uninstalled_and_installed_again_a_model_never_stopped_serving(
    served: str, perennial: Installation
) -> None:
    installation.uninstall()
    try:
        kubectl.until(what_is_left, lambda left: not left, "nothing of the release is left", 60)
        # Kept: the volume with the versions, and the resource with the models.
        assert [claim["metadata"]["name"] for claim in kubectl.items("pvc", NAMESPACE)] == [
            f"data-{RELEASE}-redis-0"
        ]
        answer = expectations.predict(served, [100.0])
        assert answer["predictions"][0] == pytest.approx(203, abs=2)
    finally:
        installation.install()
    expectations.serves(served, 1)
    kubectl.apply(models.feed(models.points(slope=4.0)), namespace=served)
    kubectl.kubectl("annotate", "pm", models.NAME, "perennial.dev/train=again", "-n", served)
    expectations.serves(served, 2)


def test_what_the_readme_says_of_removal_leaves_no_model_and_no_kind_of_ours(
    served: str, perennial: Installation
) -> None:
    (commands,) = blocks("README.md", "removal")
    try:
        shell(commands, {})
        kinds = [body["metadata"]["name"] for body in kubectl.items("crd", NAMESPACE)]
        assert [name for name in kinds if name.endswith("perennial.dev")] == []
        kubectl.until(
            lambda: kubectl.items("deployment,cronjob,service", served),
            lambda left: not left,
            "nothing of the model is left",
            60,
        )
    finally:
        installation.install()
