"""Another version takes over while clients go on asking."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from predictor_process import PredictorProcess
from served_models import large, line, plane, published
from serving import approve_and_serve

from perennial_core.identity import ModelKey
from perennial_core.registry import Registry
from perennial_core.settings import RegistrySettings

CLIENTS = 16
SWAPS = 8


class Clients:
    """Ask over keep-alive connections, one request after the other, and never try again."""

    def __init__(self, port: int, is_right: Callable[[dict[str, float]], bool]) -> None:
        self.failures: list[str] = []
        self.versions: set[float] = set()
        self._port = port
        self._is_right = is_right
        self._stop = threading.Event()

    @contextmanager
    def asking(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        connection.connect()
        connection.auto_open = 0  # a connection that the server closes is a failure
        while not self._stop.wait(0.002):
            try:
                connection.request("POST", "/predict", b'{"instances": [[100], [200]]}')
                response = connection.getresponse()
                answer = json.loads(response.read())
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                return
            if response.status != 200 or not self._is_right(answer):
                self.failures.append(f"{response.status} {answer}")
            if response.headers["x-model-version"] != str(answer["version"]):
                self.failures.append(f"{response.headers} {answer}")
            self.versions.add(answer["version"])


def test_versions_swap_under_16_clients_without_a_failed_request(
    registry_settings: RegistrySettings, key: ModelKey, tmp_path: Path
) -> None:
    def is_of_its_version(answer: dict[str, float]) -> bool:
        slope = answer["version"]  # version n is published as the line with slope n
        return answer["predictions"] == pytest.approx([100 * slope + 3, 200 * slope + 3])

    published(registry_settings, key, line(1))
    with PredictorProcess(tmp_path, registry_settings, model=str(key)) as process:
        clients = Clients(process.ready().port, is_of_its_version)
        with clients.asking():
            for version in range(2, SWAPS + 2):
                published(registry_settings, key, line(version))
                process.ready(version)
        metrics = process.client.get("/metrics").text
    assert clients.failures == []
    assert clients.versions == set(range(1, SWAPS + 2))
    assert f"perennial_model_swaps_total {SWAPS}.0" in metrics
    assert len(re.findall(r"^perennial_model_info{", metrics, re.MULTILINE)) == 1


def test_what_was_predicted_is_counted_for_the_version_that_serves(
    registry_settings: RegistrySettings, key: ModelKey, tmp_path: Path
) -> None:
    published(registry_settings, key, line(1))
    with PredictorProcess(tmp_path, registry_settings, model=str(key)) as process:
        asked = {"instances": [[1]] * 10_000}  # so large that it is computed in a thread
        process.ready().client.post("/predict", json=asked)
        process.client.get("/?msg=1")
        process.client.get("/?msg=wrong")
        assert "\nperennial_predictions_total 10001.0\n" in process.client.get("/metrics").text
        published(registry_settings, key, line(2))
        process.ready(2)
        metrics = process.client.get("/metrics").text
        assert "\nperennial_predictions_total 0.0\n" in metrics
        process.client.get("/?msg=10")
        metrics = process.client.get("/metrics").text
        assert "\nperennial_predictions_total 1.0\n" in metrics
        found = re.search(r"^perennial_prediction_sum (\S+)$", metrics, re.MULTILINE)
        assert found
        assert float(found[1]) == pytest.approx(23)


def test_memory_returns_to_one_model_though_idle_connections_met_the_old_ones(
    registry_settings: RegistrySettings, key: ModelKey, tmp_path: Path
) -> None:
    model = large()

    def resident() -> float:
        text = process.client.get("/metrics").text
        found = re.search(r"^process_resident_memory_bytes (\S+)$", text, re.MULTILINE)
        assert found
        return float(found[1])

    published(registry_settings, key, model)
    with (
        PredictorProcess(tmp_path, registry_settings, model=str(key)) as process,
        ExitStack() as connections,
    ):
        process.ready(1)
        alone = resident()
        for version in range(2, SWAPS + 2):
            idle = connections.enter_context(httpx.Client(base_url=process.url, timeout=20))
            assert idle.get("/?msg=1").status_code == 200
            published(registry_settings, key, model)
            process.ready(version)
        size = len(model.serialized.artifact)
        while resident() > alone + SWAPS * size:  # one model takes more than twice its artifact
            time.sleep(0.1)


def test_a_version_that_cannot_be_loaded_leaves_the_old_one_serving(
    registry_settings: RegistrySettings, key: ModelKey, tmp_path: Path
) -> None:
    published(registry_settings, key, line(1))
    with PredictorProcess(tmp_path, registry_settings, model=str(key)) as process:
        process.ready()
        published(registry_settings, key, line(2), inputs=plane().serialized.signature.inputs)
        said = process.waits_for_problem()
        assert (said["ready"], said["version"], said["expectedVersion"]) == (True, 1, 2)
        assert "version 2 cannot be served" in said["problem"]
        assert process.client.get("/?msg=1").json()["version"] == 1
        metrics = process.client.get("/metrics").text
        assert "perennial_model_load_failures_total 1.0" in metrics
        assert "perennial_model_problem 1.0" in metrics
        published(registry_settings, key, line(3))
        assert "problem" not in process.ready(3).readiness()
        assert "perennial_model_problem 0.0" in process.client.get("/metrics").text
    warnings = [entry for entry in process.log() if entry["level"] == "warning"]
    assert len(warnings) == 1
    assert "version 2 cannot be served" in warnings[0]["problem"]


def test_a_published_version_is_served_only_when_the_registry_says_so(
    registry_settings: RegistrySettings, key: ModelKey, tmp_path: Path
) -> None:
    serving = published(registry_settings, key, line(1), serve=False)

    async def serve() -> None:
        async with Registry.from_settings(registry_settings) as registry:
            await approve_and_serve(registry, key, serving.version, serving.digest)

    with PredictorProcess(tmp_path, registry_settings, model=str(key)) as process:
        process.answers()
        said = process.waits_for(
            reason="the registry names no version to serve yet: none is approved"
        )
        assert said["ready"] is False
        answer = process.client.get("/?msg=1")
        assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
        assert answer.headers["content-type"] == "application/problem+json"
        page = process.client.get("/", headers={"Accept": "text/html"})
        assert (page.status_code, "retry-after" in page.headers) == (503, True)
        assert "names no version" in page.text
        assert process.client.get("/healthz").status_code == 200
        assert process.client.get("/openapi.json").status_code == 200
        asyncio.run(serve())
        process.ready(1)
