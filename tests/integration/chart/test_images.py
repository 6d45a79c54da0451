"""The three images, as pods under the restricted standard with a read-only root."""

from __future__ import annotations

import json
from typing import Any

import kubectl
import pytest
from e2e import installation

from perennial_operator.build.pod import CONTAINER_SECURITY, POD_SECURITY

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]

SERVICES = ["operator", "trainer", "predictor"]

SURVEY = """
import asyncio, email, importlib.util, json, logging.config, os, pathlib, shutil, ssl, sys

def is_compiled(source):
    bytecode = pathlib.Path(importlib.util.cache_from_source(source))
    # PEP 552: bytes 8 to 12 are the time of the source that it was compiled from
    return bytecode.exists() and (
        int.from_bytes(bytecode.read_bytes()[8:12], "little") == int(source.stat().st_mtime)
    )

site = next(pathlib.Path(sys.prefix, "lib").glob("python3.*/site-packages"))
own = list(site.glob("perennial_*/**/*.py"))
files = [getattr(module, "__file__", None) or "" for module in sys.modules.values()]
standard = [pathlib.Path(file) for file in files if file.endswith(".py")]
print(json.dumps({
    "user": os.getuid(),
    "modules": [name for name in sys.argv[1:] if importlib.util.find_spec(name)],
    "tools": [tool for tool in ("gcc", "cc", "make", "hatchling") if shutil.which(tool)],
    "own": len(own),
    "uncompiled": [str(source) for source in own + standard if not is_compiled(source)],
    "writable": [path for path in ("/", "/opt/perennial", str(site)) if os.access(path, os.W_OK)],
}))
"""
"""What a pod finds in its image; prints JSON."""


def run_in(service: str, tag: str, namespace: str, **container: Any) -> str:
    """Run a pod of the service's image to its end, and return what it printed."""
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": service, "namespace": namespace},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": POD_SECURITY,
            "containers": [
                {
                    "name": service,
                    "image": f"{installation.image_prefix()}/{service}:{tag}",
                    "imagePullPolicy": "IfNotPresent",
                    "securityContext": CONTAINER_SECURITY,
                    **container,
                }
            ],
        },
    }
    kubectl.apply(body, namespace=namespace)
    try:
        kubectl.until(
            lambda: kubectl.get("pod", service, namespace)["status"],
            lambda status: status["phase"] in ("Succeeded", "Failed"),
            "the pod ends",
            120,
        )
        return kubectl.kubectl("logs", service, "-n", namespace)
    finally:
        kubectl.kubectl("delete", "pod", service, "-n", namespace, "--now")


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_holds_what_it_runs_and_nothing_to_build_with(
    service: str, restricted: str, images: str
) -> None:
    names = [f"perennial_{name}" for name in [*SERVICES, "core", "cli"]]
    command = ["python", "-c", SURVEY, *names, "pip", "hatchling"]

    found = json.loads(run_in(service, images, restricted, command=command))

    assert found["user"] == 65532
    assert sorted(found["modules"]) == ["perennial_core", f"perennial_{service}"]
    assert found["tools"] == []
    assert found["writable"] == []
    assert found["own"] > 0
    assert found["uncompiled"] == []


@pytest.mark.parametrize("service", ["trainer", "predictor"])
def test_onnx_runtime_starts_no_telemetry(service: str, restricted: str, images: str) -> None:
    script = "import onnxruntime, os; print(len(os.listdir('/proc/self/task')))"

    def threads(**variables: str) -> int:
        env = [{"name": name, "value": value} for name, value in variables.items()]
        said = run_in(service, images, restricted, command=["python", "-c", script], env=env)
        return int(said.splitlines()[-1])

    assert threads() < threads(ORT_DISABLE_TELEMETRY="0")


@pytest.mark.parametrize(
    ("service", "arguments", "says"),
    [
        ("operator", ["run"], "PERENNIAL_"),
        ("trainer", ["run"], "/etc/perennial/training.json"),
        ("predictor", [], "PERENNIAL_MODEL"),
    ],
)
def test_a_service_started_without_settings_says_which_one_it_lacks(
    service: str, arguments: list[str], says: str, restricted: str, images: str
) -> None:
    env = [{"name": "PERENNIAL_RUN_ID", "value": "r"}] if service == "trainer" else []

    said = run_in(service, images, restricted, args=arguments, env=env)

    assert says in said
    assert "Traceback" not in said
