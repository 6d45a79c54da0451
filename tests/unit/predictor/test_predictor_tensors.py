"""Tensors of the Open Inference Protocol, and rows for the model from them."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_core.manifest import Column, ColumnType
from perennial_predictor.problems import Problem
from perennial_predictor.v2.body import Asked, read
from perennial_predictor.v2.elements import from_bytes, from_json, to_bytes
from perennial_predictor.v2.inputs import TensorReader
from perennial_predictor.v2.tensor import BOOL, BYTES, DTYPES, Tensor, input_tensor

NUMBERS = TensorReader(
    [Column(name=name, type=ColumnType.FLOAT64) for name in ("x1", "x2")], max_instances=3
)
EACH = TensorReader(
    [
        Column(name="number", type=ColumnType.FLOAT64, nullable=True),
        Column(name="small", type=ColumnType.FLOAT32),
        Column(name="count", type=ColumnType.INT64),
        Column(name="flag", type=ColumnType.BOOL),
        Column(name="colour", type=ColumnType.STRING, nullable=True),
        Column(name="code", type=ColumnType.STRING),
    ],
    max_instances=3,
)
EACH_COLUMN: dict[str, tuple[str, list[Any]]] = {
    "number": ("FP64", [1.5, None]),
    "small": ("FP32", [0.5, 2.0]),
    "count": ("INT64", [3, -4]),
    "flag": (BOOL, [True, False]),
    "colour": (BYTES, ["red", None]),
    "code": (BYTES, ["a", ""]),
}
INTEGERS = [name for name in DTYPES if "INT" in name]
FLOATS = [name for name in DTYPES if name.startswith("FP")]


def tensor(name: str, datatype: str, data: list[Any], *shape: int) -> Tensor:
    """Return an input as JSON brings it; without a shape, that of the data."""
    values, nested = from_json(name, datatype, data)
    return input_tensor(name, datatype, shape or nested, values)


def refusal(reader: TensorReader, *tensors: Tensor) -> str:
    with pytest.raises(Problem) as caught:
        reader.rows(tensors)
    assert caught.value.status == 400
    return str(caught.value)


def rows(reader: TensorReader, *tensors: Tensor) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in reader.rows(tensors)]


def test_a_tensor_for_each_column_makes_rows_whatever_their_order() -> None:
    tensors = [tensor(name, *column) for name, column in reversed(EACH_COLUMN.items())]
    assert rows(EACH, *tensors) == [
        (1.5, 0.5, 3, True, "red", "a"),
        (None, 2.0, -4, False, None, ""),
    ]


@pytest.mark.parametrize("datatype", [*INTEGERS, *FLOATS, BOOL])
@pytest.mark.parametrize("others", [[], [ColumnType.STRING]])
def test_null_is_a_missing_value_in_every_datatype(datatype: str, others: list[ColumnType]) -> None:
    kind = ColumnType.BOOL if datatype == BOOL else ColumnType.INT64
    columns = [Column(name="x", type=kind, nullable=True)]
    columns += [Column(name="text", type=each) for each in others]
    texts = [tensor("text", BYTES, ["a", "b"]) for _ in others]
    values = [None, True if datatype == BOOL else 1]
    found = TensorReader(columns, 3).rows([tensor("x", datatype, values), *texts])
    first, second = (row[0] for row in found)
    assert first is None or np.isnan(first)
    assert second == 1


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_a_column_has_one_or_two_dimensions(shape: tuple[int, ...]) -> None:
    x1, x2 = tensor("x1", "FP64", [1, 2], *shape), tensor("x2", "FP32", [3.0, 4.0], *shape)
    assert rows(NUMBERS, x1, x2) == [(1, 3), (2, 4)]


@pytest.mark.parametrize("datatype", INTEGERS + FLOATS)
def test_one_tensor_has_all_features_in_any_datatype_of_numbers(datatype: str) -> None:
    matrix = tensor("input-0", datatype, [[1, 2], [3, 4]])
    assert rows(NUMBERS, matrix) == [(1, 2), (3, 4)]


def test_a_feature_may_have_the_name_of_the_matrix() -> None:
    reader = TensorReader([Column(name="input-0", type=ColumnType.FLOAT64)], max_instances=3)
    assert rows(reader, tensor("input-0", "FP64", [1, 2])) == [(1,), (2,)]


def test_numbers_may_come_as_any_type_that_holds_them() -> None:
    reader = TensorReader(
        [
            Column(name="count", type=ColumnType.INT64),
            Column(name="flag", type=ColumnType.BOOL),
        ],
        max_instances=3,
    )
    count, flag = tensor("count", "FP32", [2.0]), tensor("flag", "UINT8", [1])
    assert rows(reader, count, flag) == [(2, 1)]


@pytest.mark.parametrize(
    ("tensors", "says"),
    [
        ([("x1", "FP64", [1.0])], "input 'x2': missing; expected 'x1', 'x2', or one tensor"),
        ([("x1", "FP64", [1.0]), ("y", "FP64", [1.0])], "input 'y': not an input of the model"),
        ([("x1", "FP64", [1.0])] * 2, "input 'x1': given more than once"),
        ([("input-0", "FP64", [[1.0, 2.0]])] * 2, "input 'input-0': has all features"),
        ([("input-0", "FP64", [1.0, 2.0])], "input 'input-0': the shape is [2]; expected [n, 2]"),
        ([("input-0", "FP64", [[1.0]])], "input 'input-0': the shape is [1, 1]; expected [n, 2]"),
        ([("input-0", BYTES, [["a", "b"]])], "the datatype is BYTES; expected a number (float64)"),
        ([("input-0", BOOL, [[True, True]])], "the datatype is BOOL; expected a number (float64)"),
        ([("input-0", "FP64", [[1, 2]] * 4)], "input 'input-0': 4 rows; send 1 to 3"),
        ([("input-0", "FP64", [[1, None]])], "input 'x2', row 0: the value is missing"),
        ([("input-0", "FP32", [[1e39, 1]])], "input 'x1', row 0: inf is not a finite number"),
        ([("x1", "FP64", []), ("x2", "FP64", [])], "input 'x1': 0 rows; send 1 to 3"),
        ([("x1", "FP64", [1, 2]), ("x2", "FP64", [1])], "'x2': has 1 rows, input 'x1' has 2"),
        ([("x1", "FP64", [[1, 2]]), ("x2", "FP64", [1])], "'x1': the shape is [1, 2]; expected"),
        ([], "input 'x1': missing"),
    ],
)
def test_tensors_that_the_model_does_not_take_are_named(
    tensors: list[tuple[str, str, list[Any]]], says: str
) -> None:
    assert says in refusal(NUMBERS, *(tensor(*each) for each in tensors))


@pytest.mark.parametrize("value", [3.4028235e38, -3.4028235e38])
def test_the_largest_float32_is_taken_as_it_is_written(value: float) -> None:
    columns = EACH_COLUMN | {"small": ("FP64", [value])}
    columns = {key: (kind, values[:1]) for key, (kind, values) in columns.items()}
    rows = EACH.rows([tensor(key, *column) for key, column in columns.items()])
    assert value in rows[0]


@pytest.mark.parametrize(
    ("name", "datatype", "data", "says"),
    [
        ("number", "FP64", [math.inf], "row 0: inf is not a finite number"),
        ("small", "FP64", [1e39], "row 0: 1e+39 is not a finite number within float32"),
        ("small", "FP64", [2.0**128 - 2.0**103], "is not a finite number within float32"),
        ("small", "FP64", [None], "row 0: the value is missing"),
        ("count", "INT64", [None], "row 0: the value is missing"),
        ("flag", BOOL, [None], "row 0: the value is missing"),
        ("count", "FP64", [1.5], "row 0: 1.5 is not an integer of 64 bits"),
        ("count", "UINT64", [2**64 - 1], "is not an integer of 64 bits"),
        ("count", BOOL, [True], "the datatype is BOOL; expected a number (int64)"),
        ("flag", "INT8", [2], "row 0: 2.0 is not true or false (1 or 0)"),
        ("flag", BYTES, ["true"], "the datatype is BYTES; expected BOOL"),
        ("colour", "INT64", [1], "the datatype is INT64; expected BYTES"),
        ("code", BYTES, [None], "input 'code', row 0: the value is missing"),
    ],
)
def test_values_that_a_column_does_not_have_are_named(
    name: str, datatype: str, data: list[Any], says: str
) -> None:
    columns = {key: (kind, values[:1]) for key, (kind, values) in EACH_COLUMN.items()}
    columns[name] = (datatype, data)
    text = refusal(EACH, *(tensor(key, *column) for key, column in columns.items()))
    assert text.startswith(f"input {name!r}")
    assert says in text


@pytest.mark.parametrize(
    ("datatype", "data", "says"),
    [
        ("FP8", [1], "no datatype 'FP8'; there are BOOL"),
        ("FP64", 1, "data: expected a list"),
        ("FP64", ["1.5"], "data: element 0: expected FP64, got '1.5'"),
        ("FP64", [1, True], "data: expected FP64, got a boolean"),
        ("FP64", [10**400], "data: element 0: expected FP64, got 10000"),
        ("FP64", [{}], "data: element 0: expected FP64, got {}"),
        ("INT8", [1, 128], "data: element 1: expected INT8, got 128"),
        ("UINT16", [-1], "data: element 0: expected UINT16, got -1"),
        ("INT64", [1.0], "data: element 0: expected INT64, got 1.0"),
        ("INT64", [None, 1.0], "data: element 1: expected INT64, got 1.0"),
        (BOOL, [None, 1], "data: element 1: expected BOOL, got 1"),
        (BYTES, [1], "data: element 0: expected BYTES, got 1"),
        (BYTES, [["a"], "b"], "data: the nested lists differ in depth or length"),
        ("FP64", [[1], [2, 3]], "data: the nested lists differ in depth or length"),
        ("FP64", [[[[[[[[[1]]]]]]]]], "data: the lists are nested over 8 deep"),
    ],
)
def test_elements_of_another_datatype_are_named(datatype: str, data: Any, says: str) -> None:
    with pytest.raises(Problem) as caught:
        from_json("x", datatype, data)
    assert str(caught.value).startswith(f"input 'x': {says}")


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ((3,), "the shape [3] has 3 elements, the data 2"),
        ((-1, -2), "the shape is [-1, -2]; no extent can be negative"),
        ((2**40, 2**40), "elements, the data 2"),
        ((), "the shape [] has 1 elements, the data 2"),
    ],
)
def test_the_shape_has_as_many_elements_as_the_data(shape: tuple[int, ...], says: str) -> None:
    with pytest.raises(Problem, match="input 'x'") as caught:
        input_tensor("x", "FP64", shape, np.array([1.0, 2.0]))
    assert says in str(caught.value)


@pytest.mark.parametrize("datatype", [name for name in DTYPES if name != BYTES])
def test_bytes_hold_what_json_holds(datatype: str) -> None:
    values, _ = from_json("x", datatype, [True, False] if datatype == BOOL else [1, 0])
    raw = to_bytes(datatype, values)
    assert len(raw) == 2 * DTYPES[datatype].itemsize
    assert from_bytes("x", datatype, raw).tolist() == values.tolist()


@given(st.lists(st.text(st.characters(codec="utf-8"))))
def test_texts_have_their_length_in_front(texts: list[str]) -> None:
    values, _ = from_json("x", BYTES, texts)
    assert from_bytes("x", BYTES, to_bytes(BYTES, values)).tolist() == texts


def test_texts_are_written_with_four_bytes_of_length() -> None:
    values, _ = from_json("x", BYTES, ["ab", ""])
    assert to_bytes(BYTES, values) == b"\x02\0\0\0ab\0\0\0\0"


@pytest.mark.parametrize(
    ("datatype", "raw", "says"),
    [
        ("FP64", b"1234567", "7 bytes are not whole elements of FP64, 8 bytes each"),
        (BYTES, b"\x02\0\0\0a", "element 0: the bytes end within it"),
        (BYTES, b"\0\0\0\0\x01\0\0", "element 1: the bytes end within it"),
        (BYTES, b"\xff\xff\xff\xff", "element 0: the bytes end within it"),
        (BYTES, b"\x01\0\0\0\xff", "element 0: not UTF-8"),
    ],
)
def test_bytes_that_hold_no_whole_elements_are_refused(
    datatype: str, raw: bytes, says: str
) -> None:
    with pytest.raises(Problem, match="input 'x'") as caught:
        from_bytes("x", datatype, raw)
    assert says in str(caught.value)


@given(st.sampled_from(list(DTYPES)), st.binary(max_size=64))
def test_any_bytes_are_read_or_refused(datatype: str, raw: bytes) -> None:
    try:
        values = from_bytes("x", datatype, raw)
    except Problem:
        return
    assert to_bytes(datatype, values) == raw or datatype == BOOL


NUMBER = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70)


def asked_by(described: dict[str, Any]) -> Asked:
    return read(json.dumps({"inputs": [described], "id": "7"}).encode(), None)


@given(st.lists(NUMBER, max_size=5))
def test_a_plain_request_is_read_as_any_other_is(numbers: list[float]) -> None:
    plain: dict[str, Any] = {"name": "x", "shape": [len(numbers)], "datatype": "FP64"}
    plain["data"] = numbers

    found, other = asked_by(plain), asked_by(plain | {"parameters": {}})

    assert found.id == other.id == "7"
    for left, right in zip(found.tensors, other.tensors, strict=True):
        assert (left.name, left.datatype, left.shape) == (right.name, right.datatype, right.shape)
        assert left.values.tobytes() == right.values.tobytes()
