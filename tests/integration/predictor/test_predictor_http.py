"""The HTTP interface, asked over HTTP."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote_from_bytes

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from predictor_process import PredictorProcess
from served_models import iris, line, mixed, published

from perennial_cli.local.redis_server import RedisServer
from perennial_core.identity import ModelKey
from perennial_core.settings import RegistrySettings

LIMIT = 2000
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture(scope="module")
def registry_at(shared_redis: RedisServer) -> RegistrySettings:
    return RegistrySettings.of({"url": shared_redis.url})


@pytest.fixture(scope="module")
def client(
    registry_at: RegistrySettings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """Of a predictor with one number in: 2x + 3."""
    key = ModelKey("http", "line")
    published(registry_at, key, line())
    directory = tmp_path_factory.mktemp("line")
    limits = {"max_body_bytes": LIMIT, "max_instances": 50, "body_seconds": 0.5}
    with PredictorProcess(directory, registry_at, model=str(key), **limits) as process:
        yield process.ready().client


@pytest.fixture(scope="module")
def mixed_client(
    registry_at: RegistrySettings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """Of a predictor with a column of each type."""
    key = ModelKey("http", "mixed")
    published(registry_at, key, mixed())
    directory = tmp_path_factory.mktemp("mixed")
    with PredictorProcess(directory, registry_at, model=str(key)) as process:
        yield process.ready().client


def problem(answer: httpx.Response, status: int) -> str:
    """Return the detail of a problem document, which the answer must be."""
    document = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, document["status"]) == (status, status)
    assert document["type"].startswith("tag:perennial.dev,2026:problem/")
    assert document["title"]
    assert (document["model"], document["version"]) == ("http/line", 1)
    return str(document["detail"])


def test_a_query_predicts(client: httpx.Client) -> None:
    for query in ("msg=100", "x=100"):
        answer = client.get(f"/?{query}")
        assert answer.json() == {
            "prediction": pytest.approx(203.0),
            "model": "http/line",
            "version": 1,
        }


def test_instances_predict_by_position_and_by_name(client: httpx.Client) -> None:
    answer = client.post("/predict", json={"instances": [[1], {"x": 2}, 3.5]})
    assert answer.json() == {
        "predictions": pytest.approx([5.0, 7.0, 10.0]),
        "model": "http/line",
        "version": 1,
    }


def test_predictions_equal_those_of_scikit_learn(mixed_client: httpx.Client) -> None:
    model = mixed()
    answer = mixed_client.post("/predict", json={"instances": model.instances()}).json()
    np.testing.assert_allclose(answer["predictions"], model.estimator.predict(model.rows))
    assert answer["version"] == 1


def test_a_classifier_gives_classes_and_probabilities(
    registry_at: RegistrySettings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    model, key = iris(), ModelKey("http", "iris")
    published(registry_at, key, model)
    with PredictorProcess(tmp_path_factory.mktemp("iris"), registry_at, model=str(key)) as process:
        client = process.ready().client
        many = client.post("/predict", json={"instances": model.instances()}).json()
        names = model.rows.columns
        one = client.get("/", params=dict(zip(names, model.instances()[0], strict=True))).json()
        page = client.get(
            "/", params=dict(zip(names, model.instances()[0], strict=True)), headers=BROWSER
        )
    assert many["predictions"] == list(model.estimator.predict(model.rows))
    expected = model.estimator.predict_proba(model.rows)
    np.testing.assert_allclose(many["probabilities"], expected, atol=1e-6)
    assert many["classes"] == one["classes"] == ["setosa", "versicolor", "virginica"]
    assert one["prediction"] == many["predictions"][0]
    assert one["probabilities"] == many["probabilities"][0]
    assert "<output>setosa</output>" in page.text


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", path) for path in ("/", "/?x=1", "/?y=1", "/healthz", "/readyz", "/metrics")]
    + [("GET", "/docs"), ("GET", "/openapi.json"), ("GET", "/nowhere"), ("POST", "/predict")]
    + [("DELETE", "/predict"), ("HEAD", "/?x=1")],
)
def test_every_answer_names_the_version(client: httpx.Client, method: str, path: str) -> None:
    assert client.request(method, path).headers["x-model-version"] == "1"


def test_without_a_query_the_answer_says_how_to_ask(client: httpx.Client) -> None:
    answer = client.get("/").json()
    assert answer["features"] == [{"name": "x", "type": "float64", "nullable": False}]
    assert answer["ask"][0] == "GET /?msg=<x>"


def test_a_browser_gets_a_page_with_form_and_result(client: httpx.Client) -> None:
    answer = client.get("/?x=100", headers=BROWSER)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "<output>203</output>" in answer.text
    assert "Version 1" in answer.text
    assert 'value="100"' in answer.text
    assert 'value="7"' in client.get("/?msg=7", headers=BROWSER).text


def test_a_browser_gets_an_escaped_page_for_a_wrong_value(client: httpx.Client) -> None:
    answer = client.get("/", params={"x": '"><script>'}, headers=BROWSER)
    assert answer.status_code == 422
    assert "<script" not in answer.text
    assert 'value="&quot;&gt;&lt;script&gt;"' in answer.text
    assert 'role="alert"' in answer.text


def test_a_head_request_gets_the_head_of_an_answer(client: httpx.Client) -> None:
    answer = client.head("/?x=1")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"{", 400, "not JSON"),
        (b"", 400, "The body is empty; send"),
        (b'{"instances": [[1], ["1"]]}', 422, "instance 1, feature 'x': Expected `number`"),
        (b'{"instances": [[1], [null]]}', 422, "instance 1, feature 'x'"),
        (b'{"instances": [[1], {"x": NaN}]}', 422, "instance 1, feature 'x': nan"),
        (b'{"instances": [[1, 2]]}', 422, "length 1"),
        (b'{"instances": [{"y": 1}]}', 422, "unknown field `y`"),
        (b'{"instances": [{}]}', 422, "missing required field `x`"),
        (b'{"instances": [1.7e308]}', 422, "instance 0: the model's prediction"),
        (b'{"instances": []}', 422, "length >= 1"),
        (b'{"instances": [' + b"1," * 50 + b"1]}", 422, "length <= 50"),
    ],
)
def test_a_wrong_body_gets_a_problem_document(
    client: httpx.Client, body: bytes, status: int, says: str
) -> None:
    assert says in problem(client.post("/predict", content=body), status)


def test_a_long_name_is_not_sent_back_whole(mixed_client: httpx.Client) -> None:
    body = {"instances": [{"y" * 100_000: 1}]}
    answer = mixed_client.post("/predict", json=body)
    assert answer.status_code == 422
    assert "unknown field `yyy" in answer.json()["detail"]
    assert len(answer.content) < 5000


def test_a_wrong_query_gets_a_problem_document(client: httpx.Client) -> None:
    assert "feature 'x'" in problem(client.get("/?x=one"), 422)
    assert "query" in problem(client.get("/?x=%ff"), 400)


def test_a_value_that_the_model_refuses_is_said_to_be_one(mixed_client: httpx.Client) -> None:
    answer = mixed_client.get("/?count=1&flag=1&code=unknown")
    assert answer.status_code == 422
    assert "a category that it was not trained on" in answer.json()["detail"]


def test_so_it_is_by_the_open_inference_protocol_as_the_document_says(
    mixed_client: httpx.Client,
) -> None:
    metadata = mixed_client.get("/v2/models/mixed").json()
    values = {"number": 1.0, "count": 1, "flag": True, "colour": "red", "code": "unknown"}
    inputs = [
        {
            "name": each["name"],
            "datatype": each["datatype"],
            "shape": [1],
            "data": [values[each["name"]]],
        }
        for each in metadata["inputs"]
    ]
    answer = mixed_client.post("/v2/models/mixed/infer", json={"inputs": inputs})
    assert answer.status_code == 422
    assert "The model refuses the values" in answer.json()["error"]
    paths = mixed_client.get("/openapi.json").json()["paths"]
    described = [path for path in paths if path.endswith("/infer")]
    assert described
    assert all("422" in paths[path]["post"]["responses"] for path in described)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_refused_and_the_connection_goes_on(
    client: httpx.Client, chunked: bool
) -> None:
    big = b" " * 300_000
    parts = (big[i : i + 10_000] for i in range(0, len(big), 10_000))
    answer = client.post("/predict", content=parts if chunked else big)
    assert f"limit of {LIMIT} bytes" in problem(answer, 413)
    assert client.get("/?x=1").status_code == 200


def test_a_body_at_the_limit_is_read(client: httpx.Client) -> None:
    body = b'{"instances": [1]}'
    padded = body + b" " * (LIMIT - len(body))
    assert client.post("/predict", content=padded).status_code == 200
    assert client.post("/predict", content=padded + b" ").status_code == 413
    assert client.post("/predict", content=iter([padded])).status_code == 200
    assert client.post("/predict", content=iter([padded, b" "])).status_code == 413


def sent(client: httpx.Client, request: bytes) -> tuple[bytes, bytes]:
    """Send bytes, and return head and body of what arrives until the server closes."""
    host, port = client.base_url.host, client.base_url.port
    assert port is not None
    with socket.create_connection((host, port), timeout=20) as connection:
        connection.sendall(request)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.lower(), body


def test_a_body_that_stops_coming_is_given_up(client: httpx.Client) -> None:
    request = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n" + b'{"inst'
    head, body = sent(client, request)
    assert head.startswith(b"http/1.1 408 ")
    assert b"Nothing more of the body arrived" in body


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"did you expect HTTP?\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",  # the beginning of TLS
        b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
    ],
)
def test_what_is_not_http_gets_a_problem_document(
    client: httpx.Client, request_bytes: bytes
) -> None:
    head, body = sent(client, request_bytes)
    assert head.startswith(b"http/1.1 400 bad request\r\n")
    assert b"\r\ncontent-type: application/problem+json" in head
    assert b"\r\nconnection: close" in head
    assert b"\r\ncontent-length: %d" % len(body) in head
    document = json.loads(body)
    assert (document["status"], document["type"]) == (
        400,
        "tag:perennial.dev,2026:problem/malformed",
    )
    assert "not valid HTTP" in document["detail"]


@pytest.mark.parametrize("path", ["/predict", "/v2/models/line/infer"])
@pytest.mark.parametrize(("length", "status"), [(0, 400), (2**64 - 1, 413)])
def test_a_length_may_have_many_zeros_in_front(
    client: httpx.Client, path: str, length: int, status: int
) -> None:
    zeros = "0" * 5000
    head, _ = sent(
        client,
        f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Content-Length: {zeros}{length}\r\n\r\n".encode(),
    )
    assert head.startswith(b"http/1.1 %d " % status)


def test_a_body_with_an_upgrade_is_told_how_to_come_without(client: httpx.Client) -> None:
    content = b'{"instances": [1]}'
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    length = b"Content-Length: %d\r\n\r\n" % len(content)
    head, body = sent(client, b"POST /predict HTTP/1.1\r\nHost: x\r\n" + upgrade + length + content)
    assert head.startswith(b"http/1.1 415 ")
    assert "without Upgrade" in json.loads(body)["detail"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Content-Type": "application/json"}, 200),
        ({"Content-Type": "Application/JSON; charset=utf-8"}, 200),
        ({"Content-Type": "application/vnd.api+json"}, 200),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Encoding": "identity"}, 200),
        ({"Content-Encoding": "gzip"}, 415),
    ],
)
def test_only_plain_json_is_read(
    client: httpx.Client, headers: dict[str, str], status: int
) -> None:
    answer = client.post("/predict", content=b'{"instances": [1]}', headers=headers)
    assert answer.status_code == status
    if status == 415:
        problem(answer, 415)


def test_paths_and_methods_that_are_not_there_get_problem_documents(client: httpx.Client) -> None:
    assert "/nowhere; /docs shows the paths" in problem(client.get("/nowhere"), 404)
    assert "/predict/" in problem(client.post("/predict/", json={"instances": [1]}), 404)
    for path in ("/docs/", "/healthz/", "/openapi.json/"):
        assert path in problem(client.get(path), 404)
    answer = client.get("/predict")
    assert "GET /predict; this path takes POST" in problem(answer, 405)
    assert answer.headers["allow"] == "POST"


def test_many_instances_are_answered_in_order(mixed_client: httpx.Client) -> None:
    model = mixed()
    instances = model.instances() * 2000
    answer = mixed_client.post("/predict", json={"instances": instances})
    expected = np.tile(model.estimator.predict(model.rows), 2000)
    np.testing.assert_allclose(answer.json()["predictions"], expected)


def test_metrics_count_answers_by_route_and_status(client: httpx.Client) -> None:
    def value(name: str) -> float:
        text = client.get("/metrics").text
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    right = 'perennial_requests_total{route="/",status="200"}'
    wrong = 'perennial_requests_total{route="/",status="422"}'
    elsewhere = 'perennial_requests_total{route="other",status="404"}'
    latency = 'perennial_request_duration_seconds_count{route="/"}'
    before = [value(name) for name in (right, wrong, elsewhere, latency)]
    for path in ("/?x=1", "/?x=2", "/?x=a", "/nowhere", "/else/where"):
        client.get(path)
    after = [value(name) for name in (right, wrong, elsewhere, latency)]
    assert [b - a for a, b in zip(before, after, strict=True)] == [2, 1, 2, 3]
    assert value('perennial_model_version{model="http/line"}') == 1
    assert value("perennial_model_load_seconds") > 0
    assert value("perennial_model_swaps_total") == 0


def test_the_documentation_describes_this_models_bodies(mixed_client: httpx.Client) -> None:
    document = mixed_client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    instance = schemas["Instance"]
    assert list(instance["properties"]) == ["number", "count", "flag", "colour", "code"]
    assert instance["required"] == ["count", "flag", "code"]
    assert [p["name"] for p in document["paths"]["/"]["get"]["parameters"]] == list(
        instance["properties"]
    )
    assert set(document["paths"]["/predict"]["post"]["responses"]) == {
        "200", "400", "408", "413", "415", "422", "503",
    }  # fmt: skip
    references = re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document))
    assert set(references) <= set(schemas)


def test_the_documentation_page_needs_nothing_from_elsewhere(client: httpx.Client) -> None:
    page = client.get("/docs")
    assert page.headers["content-security-policy"].startswith("default-src 'self';")
    assert "://" not in page.text
    for reference in re.findall(r'(?:src=|rel="stylesheet" href=|url: )["\']([^"\']+)', page.text):
        answer = client.get(str(page.url.join(reference)))
        assert (answer.status_code, bool(answer.content)) == (200, True), reference


def test_what_is_not_there_beside_the_documentation_gets_a_problem_document(
    client: httpx.Client,
) -> None:
    assert "/docs/nothing" in problem(client.get("/docs/nothing"), 404)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
ROW = st.fixed_dictionaries(
    {},
    optional={
        name: JSON | st.sampled_from([1, 1.5, True, None, "red", "a"])
        for name in ("number", "count", "flag", "colour", "code", "other")
    },
)
INSTANCES = st.lists(ROW | st.lists(JSON, min_size=4, max_size=6) | JSON)
BODIES = (
    st.binary()
    | JSON.map(lambda value: json.dumps(value).encode())
    | INSTANCES.map(lambda rows: json.dumps({"instances": rows}).encode())
)


@settings(max_examples=200, deadline=None)
@given(body=BODIES, cut=st.integers(0, 20))
def test_no_body_makes_the_server_fail(mixed_client: httpx.Client, body: bytes, cut: int) -> None:
    answer = mixed_client.post("/predict", content=body[: len(body) - cut] if cut > 10 else body)
    assert answer.status_code in (200, 400, 422)
    answer.json()


TYPED = st.tuples(
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.none() | st.text(),
    st.text() | st.sampled_from("abc"),
)


@settings(max_examples=200, deadline=None)
@given(rows=st.lists(TYPED, min_size=1, max_size=5))
def test_no_well_formed_instance_makes_the_server_fail(
    mixed_client: httpx.Client, rows: list[Any]
) -> None:
    answer = mixed_client.post("/predict", json={"instances": rows})
    assert answer.status_code in (200, 422)
    if answer.status_code == 200:
        assert len(answer.json()["predictions"]) == len(rows)


@settings(max_examples=200, deadline=None)
@given(query=st.binary(), html=st.booleans())
def test_no_query_makes_the_server_fail(client: httpx.Client, query: bytes, html: bool) -> None:
    headers = BROWSER if html else {}
    answer = client.get(f"/?x={quote_from_bytes(query)}", headers=headers)
    assert answer.status_code in (200, 400, 422)
