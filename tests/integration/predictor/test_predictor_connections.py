"""Requests as they may come over one connection: in a row, in parts, with a question first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from bundled_predictor import bundled_predictor
from raw_connection import RawConnection, chunked, request
from served_models import line

LIMIT = 2000


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Of a predictor with one number in: 2x + 3."""
    directory = tmp_path_factory.mktemp("line")
    with bundled_predictor(directory, line(), max_body_bytes=LIMIT) as process:
        yield process.ready().port


@pytest.fixture
def connection(port: int) -> Iterator[RawConnection]:
    with RawConnection(port) as connection:
        yield connection


def instance(value: float) -> bytes:
    return json.dumps({"instances": [value]}).encode()


def tensor(value: float) -> bytes:
    described = {"name": "x", "shape": [1], "datatype": "FP64", "data": [value]}
    return json.dumps({"inputs": [described]}).encode()


def test_requests_in_one_packet_are_answered_in_order(connection: RawConnection) -> None:
    values = range(100)

    connection.send(b"".join(request("POST", "/predict", instance(value)) for value in values))

    answers = [json.loads(connection.answer().body) for _ in values]
    assert [answer["predictions"] for answer in answers] == [
        [pytest.approx(2 * value + 3)] for value in values
    ]


def test_requests_of_all_kinds_in_one_packet_are_answered_in_order(
    connection: RawConnection,
) -> None:
    connection.send(
        request("POST", "/predict", instance(1))
        + request("GET", "/?msg=2")
        + request("POST", "/predict", b"{")
        + request("POST", "/v2/models/model/infer", tensor(3))
        + request("GET", "/nowhere")
        + request("POST", "/predict", transfer_encoding="chunked")
        + chunked(instance(4), 3)
        + request("GET", "/openapi.json")
        + request("GET", "/?msg=5")
    )

    answers = [connection.answer() for _ in range(8)]

    assert [answer.status for answer in answers] == [200, 200, 400, 200, 404, 200, 200, 200]
    assert all(answer.headers["x-model-version"] == "1" for answer in answers)
    bodies = [json.loads(answer.body) for answer in answers]
    assert bodies[0]["predictions"] == [pytest.approx(5)]
    assert bodies[1]["prediction"] == pytest.approx(7)
    assert bodies[3]["outputs"][0]["data"] == [pytest.approx(9)]
    assert bodies[5]["predictions"] == [pytest.approx(11)]
    assert "/predict" in bodies[6]["paths"]
    assert bodies[7]["prediction"] == pytest.approx(13)


def test_a_client_that_reads_late_gets_every_answer_whole(connection: RawConnection) -> None:
    document = connection.send(request("GET", "/openapi.json")).answer().body

    connection.send(request("GET", "/openapi.json") * 300)  # more than the buffers of sockets hold

    assert all(connection.answer().body == document for _ in range(300))


@pytest.mark.parametrize(
    ("path", "body"), [("/predict", instance(1)), ("/v2/models/model/infer", tensor(1))]
)
def test_a_client_that_asks_before_it_sends_its_body_is_told_to_go_on(
    connection: RawConnection, path: str, body: bytes
) -> None:
    length = str(len(body))
    connection.send(request("POST", path, expect="100-continue", content_length=length))
    asked = connection.answer()
    assert (asked.status, asked.headers) == (100, {})

    assert connection.send(body).answer().status == 200
    assert connection.send(request("GET", "/?msg=1")).answer().status == 200


def test_a_client_that_asks_may_send_its_body_unasked(connection: RawConnection) -> None:
    connection.send(request("POST", "/predict", instance(1), expect="100-continue"))
    answer = connection.answer()
    if answer.status == 100:
        answer = connection.answer()
    assert json.loads(answer.body)["predictions"] == [pytest.approx(5)]


def test_a_client_that_asks_for_too_much_is_refused_before_it_sends(
    connection: RawConnection,
) -> None:
    length = str(LIMIT + 1)
    head = request("POST", "/predict", expect="100-continue", content_length=length)
    assert connection.send(head).answer().status == 413


@pytest.mark.parametrize("target", ["/?msg=1", "/healthz", "/v2/models/model"])
def test_head_gets_the_head_that_get_gets(connection: RawConnection, target: str) -> None:
    whole = connection.send(request("GET", target)).answer()

    head = connection.send(request("HEAD", target)).answer(head_only=True)

    assert (head.status, head.headers) == (200, whole.headers | {"date": head.headers["date"]})
    assert connection.send(request("GET", target)).answer().body == whole.body


def test_head_and_get_in_one_packet_are_told_apart(connection: RawConnection) -> None:
    connection.send(request("HEAD", "/?msg=1") + request("GET", "/?msg=1"))
    assert connection.answer(head_only=True).status == 200
    assert json.loads(connection.answer().body)["prediction"] == pytest.approx(5)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_body_in_chunks_is_read_however_it_is_cut(connection: RawConnection, size: int) -> None:
    sent = request("POST", "/predict", transfer_encoding="chunked") + chunked(instance(1), size)

    for byte in range(len(sent)):
        connection.send(sent[byte : byte + 1])

    assert json.loads(connection.answer().body)["predictions"] == [pytest.approx(5)]
    assert connection.send(sent).answer().status == 200


@pytest.mark.parametrize(
    ("version", "headers"), [("1.1", {"connection": "close"}), ("1.0", {})], ids=["close", "1.0"]
)
def test_a_client_that_wants_no_more_is_answered_and_left(
    connection: RawConnection, version: str, headers: dict[str, str]
) -> None:
    asked = request("POST", "/predict", instance(1), version=version, **headers)
    answer = connection.send(asked).answer()
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert connection.is_closed()


def test_clients_that_reset_their_connection_leave_no_error_behind(tmp_path: Path) -> None:
    rows = json.dumps({"instances": [[1.0]] * 500}).encode()
    sent = request("POST", "/predict", rows) * 20
    with bundled_predictor(tmp_path, line()) as predictor:
        predictor.ready()

        for _ in range(200):
            connection = RawConnection(predictor.port).send(sent)
            assert connection.answer().status == 200
            connection.reset()  # while the rest is being answered

        with RawConnection(predictor.port) as connection:
            assert connection.send(request("POST", "/predict", instance(1))).answer().status == 200
        assert [said for said in predictor.log() if said["level"] == "error"] == []


MANY = b"x: y\r\n" * 2000


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /?msg=1 HTTP/1.1\r\n" + MANY,
        b"GET /?msg=1 HTTP/1.1\r\n" + MANY + b"\r\n",
        request("POST", "/predict", transfer_encoding="chunked") + b"0\r\n" + MANY,
    ],
    ids=["headers", "whole", "trailers"],
)
def test_a_request_with_headers_without_end_is_refused(
    connection: RawConnection, sent: bytes
) -> None:
    answer = connection.send(sent).answer()
    assert (answer.status, answer.headers["connection"]) == (431, "close")
    assert "fewer or shorter headers" in json.loads(answer.body)["detail"]
    assert connection.is_closed()


@pytest.mark.parametrize("begin", [b"GET /", b"GET / HTTP/1.1\r\nx: "])
def test_a_line_without_end_is_not_read_to_it(connection: RawConnection, begin: bytes) -> None:
    connection.send(begin)
    with pytest.raises(ConnectionError):
        connection.send(b"x" * (64 * 1024 * 1024))


def test_a_head_may_be_long(connection: RawConnection) -> None:
    cookies = b"cookie: %b\r\n" % (b"x" * 8000) * 30
    sent = b"GET /?msg=1 HTTP/1.1\r\n" + cookies + b"\r\n"
    assert connection.send(sent * 3).answer().status == 200
    assert connection.answer().status == 200
    assert connection.answer().status == 200
