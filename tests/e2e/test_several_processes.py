"""Several processes answer in each pod, and to whoever looks they are one predictor."""

from __future__ import annotations

import json
import urllib.request
from functools import partial
from typing import Any

import kubectl
import pytest
from e2e import expectations, models
from e2e.installation import Installation
from e2e.pods import load

from perennial_operator.pod_report import PodReport, read_report

Body = dict[str, Any]

REPLICAS = 2
ROOM_FOR_TWO, ROOM_FOR_ONE = "512Mi", "160Mi"
COMMANDS = ("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
"""Prints with which commands the processes of a container were started."""


def two_cpus(memory: str) -> Body:
    """Return a model each of whose pods may use so many, and so much memory."""
    resources = {"requests": {"cpu": "100m"}, "limits": {"cpu": 2, "memory": memory}}
    return models.model(
        rollout__strategy="HotSwap", serving__replicas=REPLICAS, serving__resources=resources
    )


def pods(namespace: str) -> list[Body]:
    """Return the predictors, without those that are about to end."""
    found = kubectl.items("pod", namespace, "app.kubernetes.io/name=perennial-predictor")
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def names(namespace: str) -> list[str]:
    return [pod["metadata"]["name"] for pod in pods(namespace)]


def log(namespace: str, pod: str) -> list[Body]:
    lines = kubectl.kubectl("logs", "-n", namespace, pod).splitlines()
    return [json.loads(line) for line in lines]


def further(namespace: str, pod: str) -> int:
    """Return how many processes the first of a pod has started."""
    commands = kubectl.kubectl("exec", "-n", namespace, pod, "--", *COMMANDS)
    return commands.count("-m perennial_predictor.workers.worker")


def report(namespace: str, pod: str) -> PodReport:
    """Return what a pod says on /metrics, as the operator reads it."""
    with (
        kubectl.port_forward(f"pod/{pod}", 5001, namespace) as address,
        urllib.request.urlopen(f"http://{address}/metrics", timeout=30) as response,
    ):
        return read_report(pod, pod, response.read().decode())


def two_answer(namespace: str) -> list[str]:
    """Wait until two processes serve in each pod, and return the pods."""

    def serving() -> dict[str, int]:
        return {
            pod: sum(said["event"] == "serving" for said in log(namespace, pod))
            for pod in names(namespace)
        }

    found = kubectl.until(
        serving,
        lambda seen: len(seen) == REPLICAS and min(seen.values()) >= 2,
        "two processes serve in each pod",
    )
    assert {further(namespace, pod) for pod in found} == {1}
    return list(found)


@pytest.fixture
def several(namespace: str) -> str:
    """A namespace in which version 1 serves, from two processes of each pod."""
    kubectl.apply(models.feed(models.points()), two_cpus(ROOM_FOR_TWO), namespace=namespace)
    expectations.serves(namespace, 1)
    two_answer(namespace)
    return namespace


async def test_they_swap_end_and_are_replaced_as_one_and_no_request_fails(
    several: str, perennial: Installation
) -> None:
    image = perennial.predictor_image
    asking = partial(load, several, models.NAME, image, connections=8, requests_per_connection=1)
    async with perennial.registry() as registry:
        with asking() as swapping:
            assert await expectations.publish_again(registry, several, 1) == 2
            expectations.serves(several, 2)
    assert swapping.failures == []
    assert set(swapping.answered) == {1, 2}
    reports = [report(several, pod) for pod in names(several)]
    assert [each.version for each in reports] == [2] * REPLICAS
    assert sum(each.requests for each in reports) == swapping.total

    with asking() as replaced:
        kubectl.kubectl("delete", "pod", "-n", several, names(several)[0])
        two_answer(several)
        kubectl.apply(two_cpus(ROOM_FOR_ONE), namespace=several)
        kubectl.until(lambda: pods(several), _have_less_room, "all pods are new")
    assert replaced.failures == []
    assert set(replaced.answered) == {2}  # what a pod has reported it answers with
    assert [further(several, pod) for pod in names(several)] == [0] * REPLICAS


def _have_less_room(found: list[Body]) -> bool:
    return len(found) == REPLICAS and all(
        pod["spec"]["containers"][0]["resources"]["limits"]["memory"] == ROOM_FOR_ONE
        and pod["status"]["containerStatuses"][0]["ready"]
        for pod in found
    )
