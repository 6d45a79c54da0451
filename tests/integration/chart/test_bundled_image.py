"""One image of model and dependencies, as a pod that has neither Redis nor rights."""

from __future__ import annotations

from pathlib import Path

import httpx
import kubectl
import pytest
from e2e import installation
from served_models import KEY, line
from serving import APPROVAL

from perennial_core.bundle import Bundle, write_bundle
from perennial_operator.build.pod import CONTAINER_SECURITY, POD_SECURITY

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]

NAME = "bundled"


def built(bundle: Path) -> str:
    """Build the image of a bundle and load it into the cluster; return its name."""
    make = ("make", "-C", str(installation.REPOSITORY))
    kubectl.run(*make, "bundled", f"BUNDLE={bundle}", seconds=900)
    kubectl.run(*make, "load", f"SERVICES={NAME}", seconds=600)
    return f"{installation.image_prefix()}/{NAME}:{installation.app_version()}"


def pod(image: str) -> kubectl.Body:
    container = {
        "name": NAME,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "securityContext": CONTAINER_SECURITY,
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": 5001}, "periodSeconds": 1},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": NAME},
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": POD_SECURITY,
            "containers": [container],
        },
    }


def test_a_bundled_image_predicts_with_no_redis_and_no_cluster(
    restricted: str, tmp_path: Path
) -> None:
    stored = line(2.0).stored(version=7)
    write_bundle(tmp_path / "bundle", Bundle(stored.manifest, stored.artifact, APPROVAL))

    kubectl.apply(pod(built(tmp_path / "bundle")), namespace=restricted)
    ready = ("wait", f"pod/{NAME}", "--for=condition=Ready", "--timeout=90s", "-n", restricted)
    kubectl.kubectl(*ready)

    with kubectl.port_forward(f"pod/{NAME}", 5001, restricted) as address:
        answer = httpx.get(f"http://{address}/?msg=100", timeout=20)
    assert answer.json() == {"prediction": pytest.approx(203), "model": str(KEY), "version": 7}
    assert answer.headers["x-model-version"] == "7"


def test_a_damaged_bundle_is_not_built_into_an_image(tmp_path: Path, cluster: None) -> None:
    stored = line(2.0).stored(version=7)
    write_bundle(tmp_path / "bundle", Bundle(stored.manifest, stored.artifact, APPROVAL))
    (tmp_path / "bundle" / "manifest.json").write_text("{}")
    with pytest.raises(kubectl.CommandFailed, match="SHA256SUMS"):
        built(tmp_path / "bundle")
