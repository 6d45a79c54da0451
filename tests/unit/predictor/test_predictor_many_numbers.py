"""A long body is read by another parser than a short one: it must be told apart by nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from perennial_core.artifact.model import Array
from perennial_core.manifest import Column, ColumnType
from perennial_predictor.instances import InstanceReader
from perennial_predictor.many_numbers import has_more_lists, instances_in, json_of, lists_in
from perennial_predictor.problems import Problem
from perennial_predictor.v2.body import read

TWO = InstanceReader(
    [Column(name=name, type=ColumnType.FLOAT64) for name in ("x1", "x2")], max_instances=9
)
PADDING = b" " * 40_000
"""More than a body has that is read as a short one."""

Outcome = tuple[int, Any]

PLAIN = b'{"instances": [[1, 2.5], [-0.0, 1e-7], [9007199254740993, 0.1]]}'
BODIES = [
    PLAIN,
    b'{"instances": []}',
    b'{"instances": [[]]}',
    b'{"instances": [[1, 2], [3]]}',
    b'{"instances": [[1, 2, 3], [4]]}',
    b'{"instances": [[1], [2, 3]], "more": [4]}',
    b'{"instances": [[[1], [2]]]}',
    b'{"instances": [[[1, 2], [3, 4]]]}',
    b'{"instances": [[1, [2]], [3, 4]]}',
    b'{"instances": [1, 2]}',
    b'{"instances": {"x1": 1, "x2": 2}}',
    b'{"instances": [{"x1": 1, "x2": 2}, [3, 4]]}',
    b'{"instances": [{}, {}]}',
    b'{"instances": {}}',
    b'{"instances": 1}',
    b'{"instances": null}',
    b'{"instances": "[[1, 2]]"}',
    b'{"instances": [[1, 2]], "instances": [[3, 4]]}',
    b'{"instances": [[1, 2]], "instances": 3}',
    b'{"instances": [[1, 2]], "other": 1}',
    b'{"instances": [[1, 2]], "other\xff": 1}',
    b'{"instances": [["1", 2]]}',
    b'{"instances": [["[", 2]]}',
    b'{"instances": [[true, 2]]}',
    b'{"instances": [[1, null]]}',
    b'{"instances": [[1, 18446744073709551615]]}',
    b'{"instances": [[1, 18446744073709551616]]}',
    b'{"instances": [[1, 1e308]]}',
    b'{"instances": [[1, 5e-324]]}',
    b'{"instances": [[1, 2]' + b", [1, 2]" * 9 + b"]}",
    b'{"inst\\u0061nces": [[1, 2]]}',
    b"{}",
    b"[[1, 2]]",
    b"1",
]
NO_JSON = [
    PLAIN[:-1],
    PLAIN[:20],
    PLAIN + b"x",
    b"\xef\xbb\xbf" + PLAIN,
    PLAIN.replace(b"2.5", b"2."),
    PLAIN.replace(b"2.5", b"+2"),
    PLAIN.replace(b"2.5", b"02"),
    PLAIN.replace(b"2.5", b"NaN"),
    PLAIN.replace(b"]]", b"],]"),
    PLAIN.replace(b"instances", b"instances\xff"),
    b'{"instances": ' + b"[" * 5000,
]


def outcome(reading: Callable[[bytes], Any], body: bytes) -> Outcome:
    """Return the status with what was read, or with what is said of it."""
    try:
        return 200, reading(body)
    except Problem as problem:
        return problem.status, str(problem)


def rows(body: bytes) -> list[list[str]]:
    """Return the rows of a body, to the last bit."""
    return [[float(value).hex() for value in row] for row in TWO.rows(body)]


def asked(body: bytes) -> tuple[Any, ...]:
    """Return what a request of the Open Inference Protocol asks for."""
    request = read(body, None)
    tensors = [(t.name, t.datatype, t.shape, str(t.values.tolist())) for t in request.tensors]
    return tensors, request.id, request.outputs, request.parameters


def tensor(**changed: Any) -> dict[str, Any]:
    plain = {"name": "input-0", "datatype": "FP64", "shape": [2, 2], "data": [1, -0.5, 1e300, 4]}
    return {name: value for name, value in {**plain, **changed}.items() if value is not ...}


REQUESTS: list[dict[str, Any]] = [
    {"inputs": [tensor()]},
    {"inputs": [tensor()], "id": "one"},
    {"inputs": [tensor()], "id": None},
    {"inputs": [tensor()], "id": 1},
    {"inputs": [tensor()], "more": 1},
    {"inputs": [tensor(), tensor(name="second", shape=[4])]},
    {"inputs": [tensor(), tensor(data=...)]},
    {"inputs": [tensor()], "outputs": [{"name": "y"}]},
    {"inputs": [tensor()], "parameters": {"a": 1}},
    {"inputs": [tensor(parameters={})]},
    {"inputs": [tensor(parameters={"binary_data_size": 0}, data=...)]},
    {"inputs": [tensor(name="a[0]")]},
    {"inputs": [tensor(name=1)]},
    {"inputs": [tensor(datatype="FP32")]},
    {"inputs": [tensor(datatype="INT64", data=[1, 2, 3, 4])]},
    {"inputs": [tensor(datatype="BYTES", data=["FP64", "b", "c", "d"])]},
    {"inputs": [tensor(data=[[1, 2], [3, 4]])]},
    {"inputs": [tensor(data=[[1, 2], [3]])]},
    {"inputs": [tensor(data=[[1], [2], [3], [4]])]},
    {"inputs": [tensor(data=[1, 2, 3])]},
    {"inputs": [tensor(data=[1, 2, 3, True])]},
    {"inputs": [tensor(data=[1, 2, 3, None])]},
    {"inputs": [tensor(data=[1, 2, 3, "4"])]},
    {"inputs": [tensor(data=[1, 2, 3, {}])]},
    {"inputs": [tensor(data=[1, 2, 3, 2**64])]},
    {"inputs": [tensor(data=5)]},
    {"inputs": [tensor(data={})]},
    {"inputs": [tensor(shape=5)]},
    {"inputs": [tensor(shape=[2.0, 2])]},
    {"inputs": [tensor(shape=[True, 4])]},
    {"inputs": [tensor(shape=[-2, -2])]},
    {"inputs": [tensor(shape=[2**63, 2])]},
    {"inputs": [tensor(shape=[1] * 9)]},
    {"inputs": []},
    {"inputs": [], "id": "FP64"},
    {"inputs": {}},
    {"inputs": 1},
    {"inputs": [1]},
    {"inputs": [[1, 2, 3, 4]]},
    {"id": "one"},
]


@pytest.mark.parametrize("body", BODIES)
def test_a_long_body_is_read_as_a_short_one(body: bytes) -> None:
    assert outcome(rows, body + PADDING) == outcome(rows, body)


@pytest.mark.parametrize("body", NO_JSON)
def test_a_long_body_that_is_no_json_is_refused_as_a_short_one(body: bytes) -> None:
    padded = body.replace(b"{", b"{" + PADDING)
    assert outcome(rows, padded)[0] == outcome(rows, body)[0] != 200


def test_a_request_that_is_no_text_is_refused_however_long_it_is() -> None:
    body = b'{"more\xff": 1, ' + json.dumps({"inputs": [tensor()]}).encode()[1:]
    assert outcome(asked, body)[0] == outcome(asked, body + PADDING)[0] == 400


numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**70), 2**70), st.just(-0.0)
)
values: st.SearchStrategy[Any] = st.one_of(
    numbers, st.sampled_from([None, True, "1", [], [1.0], {}])
)


@given(st.lists(st.lists(numbers, min_size=2, max_size=2), min_size=1, max_size=9))
def test_numbers_are_the_same_to_the_last_bit(instances: list[list[float]]) -> None:
    body = json.dumps({"instances": instances}).encode()
    assert outcome(rows, body + PADDING) == outcome(rows, body)


@given(st.lists(st.one_of(values, st.lists(values, max_size=3)), max_size=4))
@example([[[1.0], [1.0]]])
def test_anything_else_is_read_or_refused_alike(instances: list[Any]) -> None:
    body = json.dumps({"instances": instances}).encode()
    assert outcome(rows, body + PADDING) == outcome(rows, body)


def test_what_is_plain_is_read_without_objects() -> None:
    matrix = instances_in(PLAIN, 2)
    assert matrix is not None
    assert np.array_equal(matrix, [[1, 2.5], [0, 1e-7], [9007199254740992, 0.1]])


nested = st.recursive(
    st.sampled_from([1, -2.5e-7]), lambda inner: st.lists(inner, max_size=3), max_leaves=12
)


@given(st.lists(nested, max_size=4), st.integers(1, 3))
@example([[1, [2, 3]], 4], 2)
@example([[1, 2, [3]], 4], 2)
@example([[1, 2], [[3, 4]]], 2)
@example([[1], []], 1)
@example([[]], 1)
def test_nothing_else_is_taken_for_plain(instances: list[Any], width: int) -> None:
    rows = [row for row in instances if isinstance(row, list) and len(row) == width]
    plain = all(isinstance(value, (int, float)) for row in rows for value in row)
    matrix = instances_in(json.dumps({"instances": instances}, indent=1).encode(), width)
    if rows and rows == instances and plain:
        assert matrix is not None
        assert matrix.tolist() == instances
    else:
        assert matrix is None


@given(st.text(alphabet='[]{}", 1\u00e9', max_size=200))
def test_the_lists_of_a_body_are_counted(text: str) -> None:
    lists = text.count("[")
    assert lists_in(text.encode()) == lists
    assert not has_more_lists(text.encode(), lists)
    assert not lists or has_more_lists(text.encode(), lists - 1)


@pytest.mark.parametrize(
    "array",
    [
        np.array([0.1, -0.0, 1e300, 5e-324, 1e16, 3.0]),
        np.array([0.1, 16777217, 3e38], np.float32),
        np.array([[0.1, 0.9], [0.25, 0.75]], np.float32),
        np.arange(20.0)[::2],
        np.arange(6.0).reshape(2, 3).T,
        np.array([2**62 + 1, -1]),
        np.array([True, False]),
    ],
)
def test_an_array_is_written_as_its_list_is(array: Array) -> None:
    written, expected = json.loads(bytes(json_of(array))), json.loads(json.dumps(array.tolist()))
    assert repr(written) == repr(expected)


@pytest.mark.parametrize("request_body", REQUESTS)
def test_a_long_request_of_the_protocol_is_read_as_a_short_one(
    request_body: dict[str, Any],
) -> None:
    body = json.dumps(request_body).encode()
    assert outcome(asked, body + PADDING) == outcome(asked, body)


def test_a_long_request_with_a_mark_of_the_byte_order_is_no_json() -> None:
    body = b"\xef\xbb\xbf" + json.dumps({"inputs": [tensor()]}).encode()
    assert outcome(asked, body + PADDING)[0] == outcome(asked, body)[0] == 400


@pytest.mark.parametrize("name", ["inputs", "id"])
def test_a_key_that_stands_twice_means_the_same_in_a_long_request(name: str) -> None:
    other = {"inputs": [tensor(data=[5, 6, 7, 8])], "id": "other"}[name]
    body = json.dumps({"inputs": [tensor()], "id": "one"}).encode()
    body = body[:-1] + f', "{name}": {json.dumps(other)}}}'.encode()
    assert outcome(asked, body + PADDING) == outcome(asked, body)


@pytest.mark.parametrize("name", ["data", "shape", "name"])
def test_so_does_one_that_an_input_has_twice(name: str) -> None:
    other = {"data": [5, 6, 7, 8], "shape": [4], "name": "other"}[name]
    body = json.dumps({"inputs": [tensor()]}).encode()
    body = body[:-3] + f', "{name}": {json.dumps(other)}}}]}}'.encode()
    assert outcome(asked, body + PADDING) == outcome(asked, body)
