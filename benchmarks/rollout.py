"""How long until all pods serve a new version, against a bare restart of the same Deployment?

    PYTHONPATH=tests .venv/bin/python benchmarks/rollout.py [--rounds N]

Needs the cluster that KUBECONFIG names, with Perennial installed by the chart as release and
namespace ``perennial``. It makes a namespace with one model of two replicas, and in each round

    publishes a version, and waits until the model is Ready with it;
    runs ``kubectl rollout restart`` on the Deployment, and waits for ``kubectl rollout status``.

Both end when the new pods are available and the old ones no longer wanted. It prints the seconds of
both and their ratio, round by round, and the medians.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
import uuid

import kubectl
from e2e import expectations, models
from e2e.installation import Installation, app_version


async def publish(installation: Installation, namespace: str) -> float:
    """Return the seconds from a publish until every pod serves that version."""
    async with installation.registry() as registry:
        started = time.perf_counter()
        version = await expectations.publish_again(registry, namespace, 1)
        kubectl.kubectl(
            *("wait", "pm", models.NAME, "-n", namespace, "--timeout=180s"),
            f"--for=jsonpath={{.status.serving.version}}={version}",
        )
        return time.perf_counter() - started


def restart(namespace: str) -> float:
    """Return the seconds of a bare restart of the same Deployment."""
    started = time.perf_counter()
    deployment = f"deployment/{models.NAME}"
    kubectl.kubectl("rollout", "restart", deployment, "-n", namespace)
    kubectl.kubectl("rollout", "status", deployment, "-n", namespace, "--timeout=180s")
    return time.perf_counter() - started


async def compare(installation: Installation, namespace: str, rounds: int) -> None:
    pairs = []
    print("round  publish s  restart s  ratio")
    for number in range(1, rounds + 1):
        published, restarted = await publish(installation, namespace), restart(namespace)
        pairs.append((published, restarted))
        print(f"{number:5}  {published:9.2f}  {restarted:9.2f}  {published / restarted:5.2f}")
    medians = [statistics.median(column) for column in zip(*pairs, strict=True)]
    ratio = statistics.median(published / restarted for published, restarted in pairs)
    print(f"median {medians[0]:9.2f}  {medians[1]:9.2f}  {ratio:5.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    namespace = f"benchmark-{uuid.uuid4().hex[:6]}"
    kubectl.kubectl("create", "namespace", namespace)
    try:
        kubectl.apply(models.feed(models.points()), models.model(), namespace=namespace)
        expectations.serves(namespace, 1)
        asyncio.run(compare(Installation(app_version()), namespace, rounds))
    finally:
        kubectl.kubectl("delete", "namespace", namespace, "--timeout=120s")


main()
