"""The chart on a real cluster: installed, tested, upgraded, uninstalled."""

from __future__ import annotations

import json
from collections.abc import Iterator

import kubectl
import pytest
from chart_rendering import CHART, ROOT, needs_helm
from e2e import installation

pytestmark = [pytest.mark.cluster, needs_helm, pytest.mark.timeout(1200)]

RELEASE = "chart-test"
REDIS = f"{RELEASE}-redis"
OF_THE_RELEASE = f"app.kubernetes.io/instance={RELEASE}"
NAMESPACED = (
    # not "all": kubectl remembers for minutes that models belong to it
    "deployments,statefulsets,replicasets,cronjobs,jobs,pods,services,configmaps,secrets,"
    "serviceaccounts,roles,rolebindings,leases,persistentvolumeclaims"
)
CLUSTER_WIDE = (
    "clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings"
)
CRD = "customresourcedefinitions/predictionmodels.perennial.dev"


def upgrade(namespace: str, *arguments: str) -> None:
    """Install or upgrade the release: it acts in its own namespace alone."""
    kubectl.run(
        *("helm", "upgrade", "--install", RELEASE, str(CHART), "--namespace", namespace),
        *("--wait", "--timeout", "3m", "--take-ownership"),
        *("--set", f"operator.watchNamespaces={{{namespace}}}", "--set", "rbac.userRoles=false"),
        *("--set", "redis.maxMemory=64mb,redis.persistence.size=1Gi,redis.persistence.keep=false"),
        *arguments,
        seconds=240,
    )


def redis_cli(namespace: str, *command: str) -> str:
    pod = f"{REDIS}-0"
    return kubectl.kubectl("exec", "-n", namespace, pod, "--", "redis-cli", *command).strip()


def password(namespace: str) -> str:
    return str(kubectl.get("secret", REDIS, namespace)["data"]["password"])


def may(verb: str, resource: str, namespace: str, *, account: str = f"{RELEASE}-operator") -> bool:
    """Whether the API server lets the operator do this."""
    who = f"--as=system:serviceaccount:{namespace}:{account}"
    answer = kubectl.kubectl(
        *("create", "--raw", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"),
        *(who, "-f", "-"),
        stdin=json.dumps(
            {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": attributes(verb, resource, namespace)},
            }
        ),
    )
    return bool(json.loads(answer)["status"]["allowed"])


def attributes(verb: str, resource: str, namespace: str) -> dict[str, str]:
    group, _, plural = resource.rpartition("/")
    return {"verb": verb, "group": group, "resource": plural, "namespace": namespace}


@pytest.fixture(scope="module")
def installed(restricted: str, crd: None, images: str) -> Iterator[str]:
    """The namespace in which the chart is installed."""
    try:
        upgrade(restricted, "--set", "crds.enabled=false")
        yield restricted
    finally:  # also what a failed installation left in the cluster
        kubectl.run("helm", "uninstall", RELEASE, "-n", restricted, "--ignore-not-found", "--wait")


@pytest.fixture
def alone() -> None:
    """Nobody else in the cluster acts on this test's models, or would lose theirs to it."""
    if installation.is_installed():
        pytest.skip("Perennial is installed in this cluster, and its operator acts on every model")
    if kubectl.kubectl("get", "predictionmodels", "-A", "-o", "name"):
        pytest.skip("the cluster holds models that are not this test's, and they would be deleted")


@pytest.mark.usefixtures("alone")
def test_helm_test_makes_a_prediction_and_leaves_nothing(installed: str) -> None:
    said = kubectl.run(*("helm", "test", RELEASE, "-n", installed, "--timeout", "4m"), seconds=300)

    assert said.count("Phase:          Succeeded") == 2
    assert kubectl.items("predictionmodels", installed) == []


def test_an_upgrade_keeps_the_password_and_restarts_nothing(installed: str) -> None:
    before = password(installed), [pod["metadata"]["uid"] for pod in redis_pods(installed)]

    upgrade(installed, "--set", "crds.enabled=false,operator.logLevel=DEBUG")

    assert (
        password(installed),
        [pod["metadata"]["uid"] for pod in redis_pods(installed)],
    ) == before


def redis_pods(namespace: str) -> list[kubectl.Body]:
    selector = f"{OF_THE_RELEASE},app.kubernetes.io/name=perennial-redis"
    return kubectl.items("pods", namespace, selector)


def test_what_redis_has_taken_outlives_its_pod(installed: str) -> None:
    redis_cli(installed, "set", "kept", "yes")

    kubectl.kubectl("delete", "pod", f"{REDIS}-0", "-n", installed)
    kubectl.kubectl("rollout", "status", f"statefulset/{REDIS}", "-n", installed, "--timeout=90s")

    assert redis_cli(installed, "get", "kept") == "yes"


def test_redis_answers_nobody_without_the_password(installed: str) -> None:
    assert "NOAUTH" in redis_cli(installed, "--no-auth-warning", "-a", "", "get", "kept")


def test_redis_refuses_what_does_not_fit_and_drops_nothing(installed: str) -> None:
    redis_cli(installed, "set", "kept", "yes")

    said = redis_cli(
        installed, "eval", "return redis.call('set', 'big', string.rep('x', 70000000))", "0"
    )
    more = redis_cli(installed, "set", "more", "x")

    assert "OOM" in said + more
    assert redis_cli(installed, "get", "kept") == "yes"
    redis_cli(installed, "del", "big")


@pytest.mark.parametrize(
    ("verb", "resource", "allowed"),
    [
        ("list", "perennial.dev/predictionmodels", True),
        ("patch", "perennial.dev/predictionmodels", True),
        ("delete", "perennial.dev/predictionmodels", False),
        ("create", "perennial.dev/predictionmodels", False),
        ("patch", "secrets", True),
        ("get", "secrets", False),
        ("list", "secrets", False),
        ("watch", "secrets", False),
        ("patch", "apps/deployments", True),
        ("delete", "pods", False),
        ("create", "pods", False),
        ("create", "rbac.authorization.k8s.io/rolebindings", False),
    ],
)
def test_the_operator_may_do_its_work_and_no_more(
    verb: str, resource: str, allowed: bool, installed: str
) -> None:
    assert may(verb, resource, installed) is allowed


def test_the_operator_has_no_rights_where_it_does_not_watch(installed: str) -> None:
    assert not may("list", "perennial.dev/predictionmodels", "kube-system")
    assert not may("patch", "secrets", "kube-system")


@pytest.mark.usefixtures("alone")
def test_without_keep_the_chart_takes_models_and_all_else_with_it(installed: str) -> None:
    """The last test here: the release is gone after it."""
    try:
        upgrade(installed, "--set", "crds.enabled=true,crds.keep=false")
        example = str(ROOT / "manifests" / "examples" / "linear.yaml")
        kubectl.kubectl("apply", "-n", installed, "-f", example)
        kubectl.kubectl(
            "wait",
            "-n",
            installed,
            "pm/linear",
            "--for=condition=Ready",
            "--timeout=4m",
            seconds=260,
        )

        kubectl.run("helm", "uninstall", RELEASE, "-n", installed, "--wait", seconds=240)

        assert kubectl.kubectl("get", CRD, "--ignore-not-found") == ""
        kubectl.until(lambda: left(installed), lambda names: names == [], "all is gone", 60)
    finally:
        definition = str(CHART / "files" / "crds")
        kubectl.kubectl("apply", "--server-side", "--force-conflicts", "-f", definition)
        kubectl.kubectl("wait", "--for=condition=Established", CRD, "--timeout=30s")


def left(namespace: str) -> list[str]:
    """Return what is left of the release and its models."""
    bodies = kubectl.items(NAMESPACED, namespace, OF_THE_RELEASE)
    bodies += kubectl.items(CLUSTER_WIDE, namespace, OF_THE_RELEASE)
    bodies += kubectl.items(NAMESPACED, namespace, "app.kubernetes.io/managed-by=perennial")
    return [f"{body['kind']} {body['metadata']['name']}" for body in bodies]
