"""How does the operator bear many models: time, requests, CPU and memory for each.

    PYTHONPATH=tests .venv/bin/python benchmarks/operator_scale.py [--models N] [--phases NAME ...]

Needs the cluster that KUBECONFIG names, with no operator that leads there, kubectl, and KWOK, which
stands in for nodes and their pods (``go install sigs.k8s.io/kwok/cmd/kwok@v0.7.0``), on PATH or
named by ``--kwok``. Every model has a Service: where the cluster has few addresses for them, name a
free range by ``--service-cidr``. Starts a Redis and an operator of its own on this machine, makes a
namespace with the models, and removes all at the end. Phases, one after the other:

    apply    all models are created; over when each has a status
    publish  a first version of each at once; over when each has a Deployment that names it
    ready    over when every model is Ready, which is for the cluster's own controllers to do
    again    a second version of each at once; over as ``publish``
    settled  as ``ready``, with the second version
    idle     nothing is to be done for a while
    restart  the operator is ended and started again; over when it has looked at every model

For each it prints the seconds, the operator's requests to the API server for each model, its CPU
milliseconds for each model, and its memory. A phase that takes longer than the patience is given
up, which the line says.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Sequence,
)
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import kubectl
from builders import NOW, manifest_body, spec_hash
from kubernetes.aio import client, config
from operator_bench import CountingCluster
from operator_models import MINIMAL, Body, model_body

from perennial_cli.local.redis_server import RedisServer, free_port
from perennial_core.errors import Outage
from perennial_core.identity import ModelKey
from perennial_core.registry import Registry
from perennial_core.resource import PredictionModel
from perennial_core.settings import RegistrySettings
from perennial_operator.cluster import NotFound
from perennial_operator.kinds import DEPLOYMENT, LEASE, PREDICTION_MODEL, VERSION_LABEL, Kind

SERVICE_CIDR = Kind("networking.k8s.io", "v1", "ServiceCIDR", "servicecidrs")
NODE = Kind("", "v1", "Node", "nodes")
PODS_A_NODE = 1000
AT_ONCE = 32
"""How many requests the benchmark itself has under way."""
IDLE_SECONDS = 90.0
"""Longer than the operator's resync."""


def model_spec(mark: str) -> Body:
    """Return a model that starts no run, whose one pod goes to the pretended nodes."""
    template = {
        "nodeSelector": {"perennial.dev/scale": mark},
        "tolerations": [{"key": "perennial.dev/scale", "operator": "Exists"}],
    }
    training = {**MINIMAL["training"], "suspend": True}
    serving = {"replicas": 1, "podTemplate": template, "resources": {"requests": {"cpu": "1m"}}}
    return {"training": training, "serving": serving}


def node(mark: str, number: int) -> Body:
    capacity = {"cpu": "1k", "memory": "10Ti", "pods": str(PODS_A_NODE + 100)}
    return {
        "metadata": {
            "name": f"scale-{mark}-{number}",
            "labels": {"perennial.dev/scale": mark},
            "annotations": {"kwok.x-k8s.io/node": mark},
        },
        "spec": {"taints": [{"key": "perennial.dev/scale", "effect": "NoSchedule"}]},
        "status": {"capacity": capacity, "allocatable": capacity},
    }


@dataclass
class Operator:
    """The operator as a process, and what it has used."""

    environment: dict[str, str]
    port: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "perennial_operator", "run"]
        self.process = subprocess.Popen(
            command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(60)

    @property
    def cpu_seconds(self) -> float:
        assert self.process is not None
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def mebibytes(self) -> float:
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        return int(found[1]) / 1024 if found else 0.0

    async def counted(self, metric: str) -> float:
        """Return the sum of a counter's values; 0 while the operator does not answer."""
        with suppress(aiohttp.ClientError):
            async with aiohttp.ClientSession() as http:
                answer = await http.get(f"http://127.0.0.1:{self.port}/metrics")
                lines = (await answer.text()).splitlines()
            return sum(float(line.split()[-1]) for line in lines if line.startswith(metric))
        return 0.0

    async def waits_to_lead(self) -> bool:
        """Return whether it does not lead yet; end the benchmark where it has ended."""
        if self.process is not None and self.process.poll() is not None:
            sys.exit("the operator has ended: run it by hand to see why")
        return not await self.counted("perennial_operator_leads")

    async def requests(self) -> float:
        return await self.counted("perennial_operator_api_requests_total")

    async def reconciles(self) -> float:
        return await self.counted("perennial_operator_reconciles_total")


@dataclass
class Scale:
    """So many models in a namespace of their own."""

    cluster: CountingCluster
    registry: Registry
    operator: Operator
    mark: str
    count: int
    patience: float
    published: int = field(default=0, init=False)

    @property
    def namespace(self) -> str:
        return f"scale-{self.mark}"

    @property
    def names(self) -> list[str]:
        return [f"model-{number}" for number in range(self.count)]

    async def create(self) -> None:
        spec = model_spec(self.mark)
        bodies = (model_body(spec, name=name, namespace=self.namespace) for name in self.names)
        await all_of(self.cluster.create(PREDICTION_MODEL, body) for body in bodies)

    async def publish(self) -> None:
        """Publish the next version of every model."""
        self.published += 1
        await all_of(map(self._publish, self.names))

    async def _publish(self, name: str) -> None:
        key, artifact = ModelKey(self.namespace, name), f"{name} {self.published}".encode()
        model = PredictionModel.parse(
            model_body(model_spec(self.mark), name=name, namespace=self.namespace)
        )
        body = manifest_body(key, artifact, f"run-{self.published}")
        body = body.changed(training_spec_hash=spec_hash(model))
        await self.registry.publish(key, body, artifact, started=NOW)

    async def have_status(self) -> int:
        models, _ = await self.cluster.list_all(PREDICTION_MODEL, self.namespace)
        return sum("conditions" in model.get("status", {}) for model in models)

    async def are_told(self) -> int:
        """Return how many Deployments name the latest version."""
        deployments, _ = await self.cluster.list_all(DEPLOYMENT, self.namespace)
        labels = (body["spec"]["template"]["metadata"]["labels"] for body in deployments)
        return sum(each.get(VERSION_LABEL) == str(self.published) for each in labels)

    async def are_ready(self) -> int:
        models, _ = await self.cluster.list_all(PREDICTION_MODEL, self.namespace)
        return sum(kubectl.condition(model, "Ready").get("status") == "True" for model in models)

    async def are_looked_at(self) -> int:
        return int(await self.operator.reconciles())


async def all_of(work: Iterable[Coroutine[Any, Any, Any]]) -> None:
    """Do all, some at the same time."""
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(each: Coroutine[Any, Any, Any]) -> None:
        async with limit:
            await each

    async with asyncio.TaskGroup() as group:
        for each in work:
            group.create_task(one(each))


@asynccontextmanager
async def phase(scale: Scale, name: str) -> AsyncIterator[None]:
    """Print what the operator used while the context was open."""
    operator, started = scale.operator, time.perf_counter()
    requests, cpu = await operator.requests(), operator.cpu_seconds
    yield
    seconds = time.perf_counter() - started
    requests = (await operator.requests() - requests) / scale.count
    milliseconds = 1000 * (operator.cpu_seconds - cpu) / scale.count
    print(
        f"{name:8} {seconds:8.1f} {requests:12.2f} {milliseconds:12.2f} {operator.mebibytes:8.0f}",
        flush=True,
    )


async def until(scale: Scale, count: Callable[[], Awaitable[int]]) -> None:
    """Wait until it is so of all models, or patience ends."""
    deadline = time.monotonic() + scale.patience
    while (found := await counted(count)) < scale.count:
        if time.monotonic() > deadline:
            print(f"given up at {found} of {scale.count}:", end=" ")
            return
        await asyncio.sleep(1)


async def counted(count: Callable[[], Awaitable[int]]) -> int:
    """Return the number; 0 while the API server does not answer."""
    with suppress(Outage):
        return await count()
    return 0


async def measure(scale: Scale, phases: Sequence[str]) -> None:
    print("phase     seconds   requests/m   CPU ms/m      MiB")
    for name in phases:
        if name == "restart":
            await restart(scale)
        else:
            async with phase(scale, name):
                await PHASES[name](scale)


async def create(scale: Scale) -> None:
    await scale.create()
    await until(scale, scale.have_status)


async def publish(scale: Scale) -> None:
    await scale.publish()
    await until(scale, scale.are_told)


async def settle(scale: Scale) -> None:
    await until(scale, scale.are_ready)


async def idle(scale: Scale) -> None:
    await asyncio.sleep(IDLE_SECONDS)


PHASES: dict[str, Callable[[Scale], Awaitable[None]]] = {
    "apply": create,
    "publish": publish,
    "ready": settle,
    "again": publish,
    "settled": settle,
    "idle": idle,
}


async def restart(scale: Scale) -> None:
    """End the operator and start it again; what is counted begins anew with its process."""
    scale.operator.stop()
    started = time.perf_counter()
    scale.operator.start()
    await until(scale, scale.are_looked_at)
    seconds = time.perf_counter() - started
    requests = await scale.operator.requests() / scale.count
    milliseconds = 1000 * scale.operator.cpu_seconds / scale.count
    memory = scale.operator.mebibytes
    print(f"restart  {seconds:8.1f} {requests:12.2f} {milliseconds:12.2f} {memory:8.0f}")


@contextmanager
def pretended_nodes(kwok: str, mark: str) -> Iterator[None]:
    """Run KWOK for the nodes with this mark."""
    command = [
        *(kwok, "--kubeconfig", os.environ["KUBECONFIG"], "--server-address", "127.0.0.1:0"),
        f"--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node={mark}",
        "--node-lease-duration-seconds=40",  # without a lease a node is lost after a minute
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


@asynccontextmanager
async def prepared(
    cluster: CountingCluster, mark: str, count: int, cidr: str | None
) -> AsyncIterator[str]:
    """Make the namespace and what the models need, and remove it all at the end."""
    namespace = f"scale-{mark}"
    shared = [(NODE, node(mark, number)) for number in range(-(-count // PODS_A_NODE))]
    if cidr is not None:
        shared.append((SERVICE_CIDR, {"metadata": {"name": namespace}, "spec": {"cidrs": [cidr]}}))
    await cluster.make_namespace(namespace)
    try:
        for kind, body in shared:
            await cluster.create(kind, body)
        yield namespace
    finally:
        await cluster.remove_namespace(namespace)
        await no_more(lambda: exists(cluster, namespace))
        for kind, body in shared:
            path = f"{kind.root}/{kind.plural}/{body['metadata']['name']}"
            await cluster._request("DELETE", path)


async def no_more(is_so: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it is no longer so."""
    while await is_so():  # noqa: ASYNC110 - it is another process that changes it
        await asyncio.sleep(0.5)


async def exists(cluster: CountingCluster, namespace: str) -> bool:
    with suppress(NotFound):
        await cluster._request("GET", f"/api/v1/namespaces/{namespace}")
        return True
    return False


def operator_environment(namespace: str, redis: RegistrySettings, port: int) -> dict[str, str]:
    return {
        **os.environ,
        "PERENNIAL_NAMESPACE": namespace,
        "PERENNIAL_WATCH_NAMESPACES": json.dumps([namespace]),
        "PERENNIAL_TRAINER_IMAGE": "localhost/perennial/trainer:scale",
        "PERENNIAL_PREDICTOR_IMAGE": "localhost/perennial/predictor:scale",
        "PERENNIAL_REDIS_URL": redis.url.get_secret_value(),
        "PERENNIAL_PROBE_PORT": str(port),
        "PERENNIAL_LOG_LEVEL": "WARNING",
    }


async def check_none_leads(cluster: CountingCluster) -> None:
    """End the benchmark where another operator might watch the same models.

    It has another registry, so that both would write all that they own anew, again and again.
    """
    leases, _ = await cluster.list_all(LEASE, selector="app.kubernetes.io/name=perennial-operator")
    for lease in leases:
        if lease["spec"].get("holderIdentity"):
            namespace = lease["metadata"]["namespace"]
            sys.exit(f"an operator leads in namespace {namespace}: scale its Deployment to 0 first")


async def run(given: argparse.Namespace, redis: RegistrySettings) -> None:
    mark, port = uuid.uuid4().hex[:8], free_port()
    await config.load_kube_config()
    definition = kubectl.run(sys.executable, "-m", "perennial_core.resource.crd")
    kubectl.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=definition)
    kubectl.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    async with (
        CountingCluster(client.ApiClient()) as cluster,
        Registry.from_settings(redis) as registry,
    ):
        await check_none_leads(cluster)
        with pretended_nodes(given.kwok, mark):
            async with prepared(cluster, mark, given.models, given.service_cidr) as namespace:
                operator = Operator(operator_environment(namespace, redis, port), port)
                operator.start()
                try:
                    await no_more(operator.waits_to_lead)
                    await measure(
                        Scale(cluster, registry, operator, mark, given.models, given.patience),
                        given.phases,
                    )
                finally:
                    operator.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description="The operator with many models.")
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--patience", type=float, default=300.0, help="seconds for a phase")
    names = [*PHASES, "restart"]
    parser.add_argument("--phases", nargs="+", choices=names, default=names)
    parser.add_argument("--service-cidr", help="further addresses for Services")
    parser.add_argument("--kwok", default=shutil.which("kwok"), help="path of kwok")
    given = parser.parse_args()
    if given.kwok is None or "KUBECONFIG" not in os.environ:
        parser.error("needs kwok (on PATH, or --kwok) and a cluster that KUBECONFIG names")
    with (
        tempfile.TemporaryDirectory() as directory,
        RedisServer(Path(directory), None) as server,
    ):
        redis = RegistrySettings.of({"url": server.url})
        asyncio.run(run(given, redis))


if __name__ == "__main__":
    main()
