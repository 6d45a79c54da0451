"""The Open Inference Protocol over HTTP, and KServe V1."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from predictor_process import PredictorProcess
from served_models import FittedModel, iris, mixed, plane, published

from perennial_cli.local.redis_server import RedisServer
from perennial_core.identity import ModelKey
from perennial_core.settings import RegistrySettings

Body = dict[str, Any]
SIZE = "Inference-Header-Content-Length"


def serving(
    redis: RedisServer, directories: pytest.TempPathFactory, name: str, model: FittedModel
) -> Iterator[httpx.Client]:
    registry = RegistrySettings.of({"url": redis.url})
    key = ModelKey("v2", name)
    published(registry, key, model)
    limits = {"max_body_bytes": 100_000, "max_instances": 50}
    directory = directories.mktemp(name)
    with PredictorProcess(directory, registry, model=str(key), **limits) as process:
        yield process.ready().client


@pytest.fixture(scope="module")
def client(
    shared_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """Of two numbers in, x1 - 3 * x2."""
    yield from serving(shared_redis, tmp_path_factory, "plane", plane())


@pytest.fixture(scope="module")
def labels(
    shared_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """Of a classifier with probabilities."""
    yield from serving(shared_redis, tmp_path_factory, "iris", iris())


@pytest.fixture(scope="module")
def mixture(
    shared_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """Of a column of each type."""
    yield from serving(shared_redis, tmp_path_factory, "mixed", mixed())


def column(name: str, *values: Any, datatype: str = "FP64", **fields: Any) -> Body:
    shape = [len(values)]
    return {"name": name, "shape": shape, "datatype": datatype, "data": list(values), **fields}


def matrix(rows: list[list[Any]], **fields: Any) -> Body:
    shape = [len(rows), len(rows[0])]
    return {"name": "input-0", "shape": shape, "datatype": "FP64", "data": rows, **fields}


def infer(
    client: httpx.Client, *inputs: Body, path: str = "plane", **fields: Any
) -> httpx.Response:
    return client.post(f"/v2/models/{path}/infer", json={"inputs": list(inputs), **fields})


def outputs(answer: httpx.Response) -> dict[str, Body]:
    assert answer.status_code == 200, answer.text
    return {output["name"]: output for output in answer.json()["outputs"]}


def error(answer: httpx.Response, status: int = 400) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["error"]
    return str(answer.json()["error"])


def test_a_tensor_for_each_feature_predicts(client: httpx.Client) -> None:
    answer = infer(client, column("x2", 1, 0), column("x1", 2.5, 1))

    assert answer.json()["model_name"] == "plane"
    assert answer.json()["model_version"] == answer.headers["x-model-version"] == "1"
    assert outputs(answer)["y"] == {
        "name": "y",
        "datatype": "FP64",
        "shape": [2],
        "data": pytest.approx([-0.5, 1.0]),
    }


@pytest.mark.parametrize("data", [[[1, 1], [2, 0]], [1, 1, 2, 0]], ids=["nested", "flat"])
def test_one_tensor_with_all_features_predicts(client: httpx.Client, data: list[Any]) -> None:
    tensor = {"name": "input-0", "shape": [2, 2], "datatype": "FP32", "data": data}

    assert outputs(infer(client, tensor))["y"]["data"] == pytest.approx([-2, 2])


@pytest.mark.parametrize(
    "datatype",
    ["FP64", "FP32", "FP16", *(f"{s}INT{b}" for s in ("", "U") for b in (8, 16, 32, 64))],
)
def test_every_datatype_of_numbers_is_taken(client: httpx.Client, datatype: str) -> None:
    answer = infer(client, column("x1", 4, datatype=datatype), column("x2", 1, datatype=datatype))

    assert outputs(answer)["y"]["data"] == pytest.approx([1])


def test_id_and_parameters_come_back_and_unknown_fields_are_passed_over(
    client: httpx.Client,
) -> None:
    fields: Body = {
        "id": "42",
        "parameters": {"a": 1, "binary_data_output": False},
        "more": {"x": []},
    }

    answer = infer(client, matrix([[1, 1]], parameters={"content_type": "np"}), **fields).json()

    assert (answer["id"], answer["parameters"]) == ("42", {"a": 1})


def test_the_path_may_name_the_version_that_serves(client: httpx.Client) -> None:
    body = {"inputs": [matrix([[1, 1]])]}

    assert client.post("/v2/models/plane/versions/1/infer", json=body).status_code == 200
    for path in ("/v2/models/plane/versions/2/infer", "/v2/models/plane/versions/x/infer"):
        assert "version 1 does" in error(client.post(path, json=body), 404)
    other = client.post("/v2/models/other/infer", json=body)
    assert "the model here is 'plane'" in error(other, 404)


def test_a_classifier_gives_labels_and_probabilities(labels: httpx.Client) -> None:
    rows = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]

    found = outputs(infer(labels, matrix(rows), path="iris"))

    assert (found["y"]["datatype"], found["y"]["data"]) == ("BYTES", ["setosa", "virginica"])
    assert found["probabilities"]["shape"] == [2, 3]
    assert np.sum(found["probabilities"]["data"]) == pytest.approx(2)
    only = infer(labels, matrix(rows), path="iris", outputs=[{"name": "probabilities"}])
    assert list(outputs(only)) == ["probabilities"]
    twice = infer(labels, matrix(rows), path="iris", outputs=[{"name": "y"}] * 2)
    assert "more than once" in error(twice)
    unknown = infer(labels, matrix(rows), path="iris", outputs=[{"name": "z"}])
    assert "'y', 'probabilities'" in error(unknown)


def test_metadata_names_what_infer_takes_and_gives(
    labels: httpx.Client, mixture: httpx.Client
) -> None:
    said = labels.get("/v2/models/iris").json()
    assert (said["name"], said["versions"]) == ("iris", ["1"])
    assert said["platform"] == "onnxruntime_onnx"
    assert said["outputs"] == [
        {"name": "y", "datatype": "BYTES", "shape": [-1]},
        {"name": "probabilities", "datatype": "FP64", "shape": [-1, 3]},
    ]
    assert labels.get("/v2/models/iris/versions/1").json() == said
    kinds = {each["datatype"] for each in mixture.get("/v2/models/mixed").json()["inputs"]}
    assert kinds == {"FP64", "INT64", "BOOL", "BYTES"}


def test_health_and_server(client: httpx.Client) -> None:
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    assert client.get("/v2/models/plane/ready").json() == {"name": "plane", "ready": True}
    assert client.get("/v2/models/plane/versions/1/ready").json()["ready"]
    error(client.get("/v2/models/plane/versions/3/ready"), 404)
    assert client.get("/v2").json()["extensions"] == ["binary_tensor_data"]
    assert "the model here is 'plane'" in error(client.get("/v2/nothing"), 404)
    assert "this path takes POST" in error(client.get("/v2/models/plane/infer"), 405)


def test_columns_of_every_type_predict_as_json_and_as_bytes(mixture: httpx.Client) -> None:
    inputs = [
        column(each["name"], *example(each["datatype"]), datatype=each["datatype"])
        for each in mixture.get("/v2/models/mixed").json()["inputs"]
    ]
    as_json = outputs(infer(mixture, *inputs, path="mixed"))["y"]["data"]
    rows = [
        {each["name"]: each["data"][row] for each in inputs}
        for row in range(len(inputs[0]["data"]))
    ]

    answer = mixture.post("/v2/models/mixed/infer", **packed(inputs))

    assert outputs(answer)["y"]["data"] == as_json
    same = mixture.post("/predict", json={"instances": rows})
    assert same.json()["predictions"] == as_json


def example(datatype: str) -> list[Any]:
    values: dict[str, list[Any]] = {"BOOL": [True, False], "BYTES": ["a", "b"], "INT64": [1, 3]}
    return values.get(datatype, [0.5, 2.0])


def packed(inputs: list[Body], *, all_binary: bool = False) -> Body:
    """Return a request with its tensors as bytes."""
    described, parts = [], []
    for each in inputs:
        part = raw(each["datatype"], each["data"])
        rest = {key: value for key, value in each.items() if key != "data"}
        described.append({**rest, "parameters": {"binary_data_size": len(part)}})
        parts.append(part)
    body = {"inputs": described, "parameters": {"binary_data_output": all_binary}}
    head = json.dumps(body).encode()
    return {"content": head + b"".join(parts), "headers": {SIZE: str(len(head))}}


def raw(datatype: str, values: list[Any]) -> bytes:
    if datatype == "BYTES":
        return b"".join(len(v.encode()).to_bytes(4, "little") + v.encode() for v in values)
    kinds = {"FP64": "<f8", "FP32": "<f4", "INT64": "<i8", "BOOL": "?"}
    return np.array(values, dtype=kinds[datatype]).tobytes()


def test_outputs_come_as_bytes_where_asked(labels: httpx.Client) -> None:
    rows = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]
    inputs = [{**matrix(rows), "data": np.ravel(rows).tolist()}]
    expected = outputs(infer(labels, matrix(rows), path="iris"))

    answer = labels.post("/v2/models/iris/infer", **packed(inputs, all_binary=True))

    assert answer.headers["content-type"] == "application/octet-stream"
    size = int(answer.headers[SIZE])
    first, second = json.loads(answer.content[:size])["outputs"]
    begin = size + first["parameters"]["binary_data_size"]
    assert answer.content[size:begin] == raw("BYTES", ["setosa", "virginica"])
    assert second["parameters"]["binary_data_size"] == len(answer.content) - begin
    probabilities = np.frombuffer(answer.content[begin:]).tolist()
    assert probabilities == expected["probabilities"]["data"]


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress], ids=["gzip", "deflate"])
def test_packed_bodies_are_inflated_within_the_limit(client: httpx.Client, pack: Any) -> None:
    headers = {"Content-Encoding": "gzip" if pack is gzip.compress else "deflate"}
    body = json.dumps({"inputs": [matrix([[1, 1]])]}).encode()

    def send(content: bytes) -> httpx.Response:
        return client.post("/v2/models/plane/infer", content=content, headers=headers)

    assert outputs(send(pack(body)))["y"]["data"] == pytest.approx([-2])
    assert "over the limit" in error(send(pack(b" " * 10_000_000)), 413)
    assert "inflated" in error(send(pack(body)[:-5]))
    assert "inflated" in error(send(b"nonsense"))
    unknown = client.post(
        "/v2/models/plane/infer", content=body, headers={"Content-Encoding": "br"}
    )
    assert "gzip" in error(unknown, 415)


DEEP = json.dumps({"inputs": [matrix([[1, 1]], data="DEEP")]}).encode()
DEEP = DEEP.replace(b'"DEEP"', b"[" * 900 + b"]" * 900)
HUGE = DEEP.replace(b"[" * 900 + b"]" * 900, b"[" + b"9" * 3900 + b"]")
LONE = b'{"inputs": [{"name": "\\ud800", "datatype": "INT64", "shape": [1], "data": [1]}]}'

WRONG: dict[str, tuple[list[Body], str]] = {
    "no inputs": ([], "length >= 1"),
    "unknown": ([column("x1", 1), column("x3", 1)], "input 'x3': not an input"),
    "missing": ([column("x1", 1)], "input 'x2': missing"),
    "twice": ([column("x1", 1), column("x1", 1)], "input 'x1': given more than once"),
    "lengths": ([column("x1", 1), column("x2", 1, 2)], "input 'x2': has 2 rows"),
    "datatype": ([matrix([[1, 1]], datatype="FP8")], "no datatype 'FP8'"),
    "long datatype": ([matrix([[1, 1]], datatype="x" * 9000)], "xxx'...; there are BOOL, UINT8"),
    "text": ([matrix([["1", "2"]])], "expected FP64, got '1'"),
    "text type": ([column("x1", "a", datatype="BYTES"), column("x2", 1)], "is BYTES"),
    "boolean": ([matrix([[True, False]])], "expected FP64, got a boolean"),
    "fraction": ([column("x1", 1.5, datatype="INT8"), column("x2", 1)], "INT8, got 1.5"),
    "range": ([column("x1", 300, datatype="INT8"), column("x2", 1)], "INT8, got 300"),
    "huge": ([matrix([[10**400, 1]])], "input 'input-0'"),
    "null": ([matrix([[None, 1]])], "row 0: the value is missing"),
    "overflow": ([column("x1", 1e300, datatype="FP32"), column("x2", 1)], "inf is not a finite"),
    "ragged": ([matrix([[1, 1], [1]])], "differ in depth or length"),
    "rank": ([matrix([[1, 1]], shape=[2])], "the shape is [2]"),
    "width": ([matrix([[1, 1, 1]])], "expected [n, 2]"),
    "shape": ([matrix([[1, 1]], shape=[2, 2])], "the shape is [2, 2]"),
    "negative": ([column("x1", 1, shape=[-1]), column("x2", 1)], "no extent can be negative"),
    "zero rows": ([column("x1"), column("x2")], "0 rows; send 1 to 50"),
    "many rows": ([matrix([[1, 1]] * 51)], "51 rows; send 1 to 50"),
    "dimensions": ([column("x1", 1, shape=[1] * 9)], "length <= 8"),
    "no data": ([{"name": "x1", "shape": [1], "datatype": "FP64"}], "give data"),
    "data": ([column("x1", data=3)], "data: expected a list"),
    "size": ([column("x1", 1, parameters={"binary_data_size": 8})], "either data or"),
    "name": ([{"shape": [1], "datatype": "FP64", "data": [1]}], "name"),
}


@pytest.mark.parametrize(("inputs", "text"), WRONG.values(), ids=WRONG)
def test_a_wrong_request_is_refused_with_what_is_wrong(
    client: httpx.Client, inputs: list[Body], text: str
) -> None:
    assert text in error(infer(client, *inputs))


def test_what_is_no_json_is_refused(client: httpx.Client) -> None:
    nothing = (b"", b"{", b"[]", b"null", b'{"inputs": NaN}', b"[" * 90_000, b"\xff")
    for body in (*nothing, DEEP, HUGE, LONE):
        error(client.post("/v2/models/plane/infer", content=body))


def test_bytes_that_do_not_fit_are_refused(client: httpx.Client) -> None:
    good = packed([matrix([[1.0, 1.0]], data=[1.0, 1.0])])
    content, size = good["content"], int(good["headers"][SIZE])

    def send(content: bytes, size: object) -> str:
        return error(
            client.post("/v2/models/plane/infer", content=content, headers={SIZE: str(size)})
        )

    assert "bytes are left" in send(content[:-1], size)
    assert "belong to no input" in send(content + b"1", size)
    assert "the body has" in send(content, len(content) + 1)
    assert "no number of bytes" in send(content, "-1")


@settings(max_examples=200, deadline=None)
@given(
    cut=st.integers(0, 60),
    more=st.binary(max_size=20),
    moved=st.integers(-5, 5),
    flipped=st.integers(0, 300),
)
def test_damaged_bytes_never_are_a_fault_of_the_server(
    client: httpx.Client, cut: int, more: bytes, moved: int, flipped: int
) -> None:
    good = packed([column("x1", 1.0, 2.0), column("x2", 1.0, 2.0)])
    content = bytearray(good["content"])
    if flipped < len(content):
        content[flipped] ^= 0x55
    content = content[: len(content) - cut] + more
    size = max(0, int(good["headers"][SIZE]) + moved)

    answer = client.post(
        "/v2/models/plane/infer", content=bytes(content), headers={SIZE: str(size)}
    )

    assert answer.status_code in (200, 400, 404)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["a", "binary_data_size", "x1"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(
    shape=st.lists(st.integers(-2, 3) | st.just(2**62), max_size=3),
    datatype=st.sampled_from(["FP64", "FP32", "INT8", "UINT64", "BOOL", "BYTES", "x"]),
    name=st.sampled_from(["x1", "x2", "input-0"]),
    data=JSON,
    parameters=JSON,
)
def test_no_json_is_a_fault_of_the_server(
    client: httpx.Client, shape: list[int], datatype: str, name: str, data: Any, parameters: Any
) -> None:
    tensor = {"name": name, "shape": shape, "datatype": datatype, "data": data}
    body = json.dumps({"inputs": [tensor | {"parameters": parameters}]})

    answer = client.post("/v2/models/plane/infer", content=body)

    assert answer.status_code in (200, 400), answer.text


def test_kserve_v1(client: httpx.Client) -> None:
    assert client.get("/v1/models").json() == {"models": ["plane"]}
    assert client.get("/v1/models/plane").json() == {"name": "plane", "ready": True}
    answer = client.post("/v1/models/plane:predict", json={"instances": [[1, 1], [2, 0]]})
    assert answer.json()["predictions"] == pytest.approx([-2, 2])
    assert "instance 0" in error(
        client.post("/v1/models/plane:predict", json={"instances": [[1]]}), 422
    )
    error(client.get("/v1/models/other"), 404)


def test_every_route_is_counted_by_its_template(client: httpx.Client) -> None:
    infer(client, matrix([[1, 1]]))
    client.post("/v2/models/plane/versions/1/infer", json={"inputs": [matrix([[1, 1]])]})
    client.post("/v2/models/plane/versions/77/infer", json={"inputs": [matrix([[1, 1]])]})
    exposed = client.get("/metrics").text

    assert 'route="/v2/models/plane/infer"' in exposed
    assert 'route="/v2/models/plane/versions/{model_version}/infer"' in exposed
    assert "versions/77" not in exposed
