"""What the operator learns from predictors over HTTP."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from predictor_process import PredictorProcess
from served_models import line, publish

from perennial_core.identity import ModelKey
from perennial_core.registry import Registry
from perennial_core.settings import RegistrySettings
from perennial_operator.pod_report import silent
from perennial_operator.predictors import HttpPredictors

PROBLEM = "version 2 cannot be served: {key}: the ONNX graph takes 1 inputs; the manifest names 0"


@pytest.fixture
async def predictors() -> AsyncIterator[HttpPredictors]:
    async with HttpPredictors() as predictors:
        yield predictors


def pod(port: int, name: str = "points-1", *, ready: bool = True) -> dict[str, Any]:
    """Return a pod as the API server has it."""
    ports = [{"name": "http", "containerPort": port}]
    return {
        "metadata": {"name": name, "uid": f"uid-{name}"},
        "spec": {"containers": [{"name": "predictor", "ports": ports}]},
        "status": {
            "podIP": "127.0.0.1",
            "conditions": [{"type": "Ready", "status": str(ready)}],
        },
    }


async def test_a_predictor_says_what_it_serves_and_why_it_serves_nothing_newer(
    registry: Registry,
    registry_settings: RegistrySettings,
    key: ModelKey,
    tmp_path: Path,
    predictors: HttpPredictors,
) -> None:
    good, problem = await publish(registry, key, line()), PROBLEM.format(key=key)
    with PredictorProcess(tmp_path, registry_settings, model=str(key)) as process:
        process.ready(1).client.get("/?msg=100")
        (report,) = await predictors.reports([pod(process.port)])

        assert (report.name, report.version, report.digest) == ("points-1", 1, good.digest)
        assert (report.requests, report.errors, report.predictions) == (1, 0, 1)
        assert await predictors.problem([pod(process.port)]) is None

        await publish(registry, key, line(), inputs=[])
        process.waits_for(expectedVersion=2, problem=problem)
        (report,) = await predictors.reports([pod(process.port)])

        assert (report.version, report.has_problem) == (1, True)
        assert await predictors.problem([pod(process.port)]) == problem


async def test_pods_that_do_not_answer_are_reported_and_those_that_are_not_ready_not_asked(
    predictors: HttpPredictors,
) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as deaf,
        socket.create_server(("127.0.0.1", 0)) as closed,
    ):
        ports = deaf.getsockname()[1], closed.getsockname()[1]
        closed.close()
        pods = [pod(ports[0], "deaf"), pod(ports[1], "closed"), pod(1, "unready", ready=False)]
        going = pod(1, "going")
        going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        nowhere = pod(1, "nowhere")
        del nowhere["status"]["podIP"]

        reports = await predictors.reports([*pods, going, nowhere])

        assert reports == tuple(silent(n, f"uid-{n}") for n in ("deaf", "closed", "nowhere"))
        assert await predictors.problem(pods) is None


async def test_a_pod_that_is_not_ready_says_why_as_well(
    registry: Registry,
    registry_settings: RegistrySettings,
    key: ModelKey,
    tmp_path: Path,
    predictors: HttpPredictors,
) -> None:
    good = await publish(registry, key, line())
    told = {"model": str(key), "version": good.version, "digest": "sha256:" + "f" * 64}
    with PredictorProcess(tmp_path, registry_settings, **told) as process:
        said = process.answers().waits_for(ready=False)
        while "problem" not in said:
            said = process.readiness()

        assert "should have the digest sha256:fff" in said["problem"]
        assert await predictors.problem([pod(process.port, ready=False)]) == said["problem"]
        assert await predictors.reports([pod(process.port, ready=False)]) == ()
