"""A shadow gets a copy of each request that was answered, and no client notices."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from bundled_predictor import bundled_predictor as predictor
from predictor_process import PredictorProcess
from prometheus_client.parser import text_string_to_metric_families
from served_models import FittedModel, iris, line, mixed, plane
from tritonclient.utils import InferenceServerException

from perennial_cli.local.redis_server import free_port

MOST_UNDER_WAY = 32
HTML = {"Accept": "text/html"}


@pytest.fixture
def shadow(tmp_path: Path) -> Iterator[PredictorProcess]:
    """A ready predictor of another line, as version 2."""
    with predictor(tmp_path / "shadow", line(3.0), version=2) as process:
        yield process.ready()


def mirrored(directory: Path, model: FittedModel, shadow_url: str) -> PredictorProcess:
    return predictor(directory / "mirrored", model, shadow_url=shadow_url)


def measured(process: PredictorProcess, name: str) -> dict[tuple[str, ...], float]:
    """Return a measurement's values by its labels' values, in the order of their names."""
    text = httpx.get(f"{process.url}/metrics", timeout=20).text
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def outcomes(process: PredictorProcess, number: int) -> dict[tuple[str, ...], float]:
    """Wait until something came of so many copies; return how many by outcome and version."""
    while True:
        found = measured(process, "perennial_shadow_answers_total")
        if sum(found.values()) >= number:
            return found
        time.sleep(0.05)


@pytest.mark.parametrize("model", [line(), iris(), plane()], ids=["line", "iris", "plane"])
def test_the_same_model_answers_the_same(model: FittedModel, tmp_path: Path) -> None:
    instances = model.instances()
    query = dict(zip(model.rows.columns, map(str, instances[0]), strict=True))
    with (
        predictor(tmp_path / "shadow", model, version=2) as shadow,
        mirrored(tmp_path, model, shadow.ready().url) as process,
    ):
        process.ready()
        for asked in (instances[:1], instances, instances * 500):
            answer = process.client.post("/predict", json={"instances": asked})
            assert (answer.status_code, answer.json()["version"]) == (200, 1)
        assert process.client.get("/", params=query).json()["version"] == 1
        assert outcomes(process, 4) == {("same", "2"): 4}
        requests = measured(shadow, "perennial_requests_total")
        assert (requests["/predict", "200"], requests["/", "200"]) == (3, 1)


def test_another_model_differs_and_by_how_much_is_told(
    shadow: PredictorProcess, tmp_path: Path
) -> None:
    with mirrored(tmp_path, line(2.0), shadow.url) as process:
        process.ready()
        answer = process.client.post("/predict", json={"instances": [[10], [-20]]})
        assert answer.json()["predictions"] == pytest.approx([23, -37])
        assert process.client.get("/?msg=100").json()["prediction"] == pytest.approx(203)
        assert outcomes(process, 2) == {("different", "2"): 2}
        difference = "perennial_shadow_difference"
        assert measured(process, f"{difference}_sum") == {("2",): pytest.approx(130)}
        assert measured(process, f"{difference}_count") == {("2",): 3}


def test_requests_of_other_protocols_are_copied(shadow: PredictorProcess, tmp_path: Path) -> None:
    tensor = {"name": "x", "datatype": "FP64", "shape": [2], "data": [10, -20]}
    path = "/v2/models/model/versions/1/infer"
    with mirrored(tmp_path, line(2.0), shadow.url) as process:
        client = process.ready().client
        client.post(path, json={"inputs": [tensor]}).raise_for_status()  # the shadow is another
        client.post("/v2/models/model/infer", json={"inputs": [tensor]}).raise_for_status()
        client.post("/v1/models/model:predict", json={"instances": [[1]]}).raise_for_status()
        assert outcomes(process, 2) == {("different", "2"): 2}
        assert measured(process, "perennial_shadow_difference_sum") == {("2",): pytest.approx(31)}
        assert measured(process, "perennial_predictions_total") == {(): 5}


def columns(client: Any, model: FittedModel, rows: list[list[Any]]) -> list[Any]:
    """Return tensors with bytes, one for each column; a number that is missing is NaN."""
    given = []
    for name, values in zip(model.rows.columns, zip(*rows, strict=True), strict=True):
        array = np.array([np.nan if value is None else value for value in values])
        texts = array.dtype.kind == "U"
        data = np.array([text.encode() for text in values], object) if texts else array
        datatype = {"U": "BYTES", "b": "BOOL", "i": "INT64", "f": "FP64"}[array.dtype.kind]
        each = client.InferInput(name, [len(values)], datatype)
        each.set_data_from_numpy(data)
        given.append(each)
    return given


@pytest.mark.parametrize("model", [line(), iris(), mixed()], ids=["line", "iris", "mixed"])
def test_tensors_as_bytes_are_copied_over_http(model: FittedModel, tmp_path: Path) -> None:
    with (
        predictor(tmp_path / "shadow", model, version=2) as shadow,
        mirrored(tmp_path, model, shadow.ready().url) as process,
        triton_http.InferenceServerClient(process.ready().url.removeprefix("http://")) as client,
    ):
        few = columns(triton_http, model, model.instances()[:2])
        many = columns(triton_http, model, model.instances()[:2] * 4000)
        for inputs in (few, many):
            client.infer("model", inputs)
        as_json = {"name": "input-0", "datatype": "FP64", "shape": [1, 1], "data": [1.0]}
        wanted = [{"name": "y"}]
        if len(model.rows.columns) == 1:  # bytes come back for JSON; one output is asked for
            for more in ({"parameters": {"binary_data_output": True}}, {"outputs": wanted}):
                process.client.post(
                    "/v2/models/model/infer", json={"inputs": [as_json], **more}
                ).raise_for_status()
        expected = 4 if len(model.rows.columns) == 1 else 2
        assert outcomes(process, expected) == {("same", "2"): expected}


@pytest.mark.parametrize("model", [line(), iris(), mixed()], ids=["line", "iris", "mixed"])
def test_calls_over_grpc_are_copied(model: FittedModel, tmp_path: Path) -> None:
    port = free_port()
    with (
        predictor(tmp_path / "shadow", model, version=2) as shadow,
        predictor(
            tmp_path / "mirrored", model, shadow_url=shadow.ready().url, grpc_port=port
        ) as process,
        triton_grpc.InferenceServerClient(process.ready().grpc) as client,
    ):
        few = columns(triton_grpc, model, model.instances()[:2])
        for inputs in (few, columns(triton_grpc, model, model.instances()[:2] * 4000)):
            client.infer("model", inputs)
        client.infer("model", few, model_version="1")  # the shadow is another
        with pytest.raises(InferenceServerException):
            client.infer("model", [])
        assert outcomes(process, 2) == {("same", "2"): 2}
        requests = measured(shadow, "perennial_requests_total")
        assert requests["/v2/models/model/infer", "200"] == 2


def test_a_call_over_grpc_differs_by_how_much_is_told_and_needs_no_shadow(
    shadow: PredictorProcess, tmp_path: Path
) -> None:
    port = free_port()
    directory = tmp_path / "mirrored"
    given = columns(triton_grpc, line(), [[10.0], [-20.0]])
    with (
        predictor(directory, line(2.0), shadow_url=shadow.url, grpc_port=port) as process,
        triton_grpc.InferenceServerClient(process.ready().grpc) as client,
    ):
        answer = client.infer("model", given)
        assert answer.as_numpy("y") == pytest.approx([23, -37])
        assert outcomes(process, 1) == {("different", "2"): 1}
        assert measured(process, "perennial_shadow_difference_sum") == {("2",): pytest.approx(30)}
        shadow.process.send_signal(signal.SIGSTOP)
        for _ in range(40):
            assert client.infer("model", given).as_numpy("y") == pytest.approx([23, -37])
        found = measured(process, "perennial_shadow_answers_total")
        shadow.process.send_signal(signal.SIGCONT)
        assert found["dropped", ""] >= 40 - MOST_UNDER_WAY


def test_only_predictions_for_programs_are_copied(shadow: PredictorProcess, tmp_path: Path) -> None:
    with mirrored(tmp_path, line(2.0), shadow.url) as process:
        process.ready()
        assert process.client.post("/predict", json={"instances": [["a"]]}).status_code == 422
        assert process.client.get("/?msg=a").status_code == 422
        for path, headers in (("/?msg=1", HTML), ("/", {}), ("/healthz", {}), ("/docs", {})):
            assert process.client.get(path, headers=headers).status_code == 200
        process.client.get("/?msg=1")
        assert outcomes(process, 1) == {("different", "2"): 1}
        assert measured(shadow, "perennial_predictions_total") == {(): 1}


def test_a_shadow_that_answers_an_error_has_failed(tmp_path: Path) -> None:
    with (
        predictor(tmp_path / "shadow", plane(), version=2) as shadow,
        mirrored(tmp_path, line(), shadow.ready().url) as process,
    ):
        assert process.ready().client.get("/?msg=1").status_code == 200
        assert outcomes(process, 1) == {("failed", "2"): 1}


def test_a_copy_is_never_copied_again(tmp_path: Path) -> None:
    ports = {name: free_port() for name in ("a", "b")}
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    with (
        predictor(tmp_path / "a", line(), port=ports["a"], shadow_url=urls["b"]) as first,
        predictor(tmp_path / "b", line(), port=ports["b"], shadow_url=urls["a"]) as second,
    ):
        first.ready()
        second.ready()
        for _ in range(5):
            httpx.get(f"{first.url}/?msg=1", timeout=20)
        assert outcomes(first, 5) == {("same", "1"): 5}
        assert measured(second, "perennial_shadow_answers_total") == {}
        assert measured(first, "perennial_predictions_total") == {(): 5}


def test_clients_do_not_notice_that_nothing_listens_and_it_is_said_once(tmp_path: Path) -> None:
    port = free_port()
    with mirrored(tmp_path, line(), f"http://127.0.0.1:{port}") as process:
        process.ready()
        for number in range(200):
            answer = process.client.get(f"/?msg={number}")
            assert answer.json()["prediction"] == pytest.approx(2 * number + 3)
        found = outcomes(process, 200)
        assert set(found) == {("failed", ""), ("dropped", "")}
        with predictor(tmp_path / "shadow", line(), version=2, port=port):
            while ("same", "2") not in measured(process, "perennial_shadow_answers_total"):
                assert process.client.get("/?msg=1").status_code == 200
    said = [entry for entry in process.log() if "shadow" in entry["event"]]
    assert len(said) == 1


class Another(BaseHTTPRequestHandler):
    """A server that is no predictor, and keeps its connections."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()


def test_the_shadow_is_found_where_another_server_answered_before(tmp_path: Path) -> None:
    port = free_port()
    another = ThreadingHTTPServer(("127.0.0.1", port), Another)
    threading.Thread(target=another.serve_forever, daemon=True).start()
    with mirrored(tmp_path, line(), f"http://127.0.0.1:{port}") as process:
        assert process.ready().client.get("/?msg=1").status_code == 200
        assert outcomes(process, 1) == {("failed", ""): 1}
        another.shutdown()
        another.server_close()
        with predictor(tmp_path / "shadow", line(), version=2, port=port):
            while ("same", "2") not in measured(process, "perennial_shadow_answers_total"):
                assert process.client.get("/?msg=1").status_code == 200


def test_a_hanging_shadow_holds_up_nobody_and_is_sent_no_more_than_a_few(
    shadow: PredictorProcess, tmp_path: Path
) -> None:
    with mirrored(tmp_path, line(2.0), shadow.url) as process:
        process.ready()
        shadow.process.send_signal(signal.SIGSTOP)
        for number in range(1, 101):
            answer = process.client.get(f"/?msg={number}")
            assert answer.json()["prediction"] == pytest.approx(2 * number + 3)
        found = measured(process, "perennial_shadow_answers_total")
        shadow.process.send_signal(signal.SIGCONT)
        assert found["dropped", ""] >= 100 - MOST_UNDER_WAY
        after = outcomes(process, 100)
        assert set(after) <= {("dropped", ""), ("different", "2"), ("failed", "")}


def test_a_hanging_shadow_does_not_keep_the_process_from_ending(
    shadow: PredictorProcess, tmp_path: Path
) -> None:
    with mirrored(tmp_path, line(2.0), shadow.url) as process:
        process.ready()
        shadow.process.send_signal(signal.SIGSTOP)
        assert process.client.get("/?msg=1").status_code == 200
        process.client.close()
        process.terminate()
        assert process.exit_code() == 0
        shadow.process.send_signal(signal.SIGCONT)
    assert {entry["level"] for entry in process.log()} == {"info"}


def test_what_talks_to_a_shadow_is_loaded_only_where_there_is_one() -> None:
    script = "import sys, perennial_predictor.main; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
