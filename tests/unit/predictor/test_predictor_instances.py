"""What a request may say, and what is said to one that may not."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_core.manifest import Column, ColumnType
from perennial_predictor.instances import InstanceReader, Row
from perennial_predictor.problems import Problem

ONE = InstanceReader([Column(name="x", type=ColumnType.FLOAT64)], max_instances=3)
TWO = InstanceReader(
    [Column(name=name, type=ColumnType.FLOAT64) for name in ("x1", "x2")], max_instances=3
)
EACH = InstanceReader(
    [
        Column(name="number", type=ColumnType.FLOAT64, nullable=True),
        Column(name="small", type=ColumnType.FLOAT32),
        Column(name="count", type=ColumnType.INT64),
        Column(name="flag", type=ColumnType.BOOL),
        Column(name="class", type=ColumnType.STRING, nullable=True),
        Column(name="a b.[c]`", type=ColumnType.STRING),
    ],
    max_instances=3,
)
ROW = (1.5, 2.5, 3, True, "red", "text")
NAMES = ("number", "small", "count", "flag", "class", "a b.[c]`")


def body(*instances: Any) -> bytes:
    return msgspec.json.encode({"instances": instances})


def refusal(reader: InstanceReader, request: bytes, *, query: bool = False) -> Problem:
    with pytest.raises(Problem) as caught:
        reader.row(request) if query else reader.rows(request)
    return caught.value


def test_instances_are_read_by_position_and_by_name_in_any_order() -> None:
    by_name = dict(reversed(list(zip(NAMES, ROW, strict=True))))
    assert EACH.rows(body(list(ROW), by_name)) == [ROW, ROW]


@pytest.mark.parametrize("text", ["3.4028235e38", "-3.4028235e38"])
def test_the_largest_float32_is_taken_as_it_is_written(text: str) -> None:
    row = b'[1.5, %s, 3, true, "red", "text"]' % text.encode()
    assert EACH.rows(b'{"instances": [%s]}' % row)[0][1] == float(text)
    assert np.isfinite(np.float32(text))


def test_one_feature_needs_no_list() -> None:
    assert ONE.rows(b'{"instances": [1.5, [2], {"x": 3}]}') == [(1.5,), (2.0,), (3.0,)]


@pytest.mark.parametrize("nullable", [False, True])
@pytest.mark.parametrize(
    ("kind", "value", "wrong", "says"),
    [
        (ColumnType.FLOAT64, 1.5, "a", "Expected `number"),
        (ColumnType.FLOAT32, 1.5, 1e39, "Expected `number` < 3.4028235677973366e+38"),
        (ColumnType.FLOAT32, 1.5, -1e39, "Expected `number` > -3.4028235677973366e+38"),
        (ColumnType.INT64, 3, 2**63, "Expected `integer` <= 9223372036854775807"),
        (ColumnType.INT64, 3, -(2**63) - 1, "Expected `integer` >= -9223372036854775808"),
        (ColumnType.BOOL, True, 1, "Expected `boolean"),
        (ColumnType.STRING, "a", 1, "Expected `string"),
    ],
)
def test_one_feature_of_each_type_is_read_and_refused_in_each_form(
    kind: ColumnType, value: Any, wrong: Any, says: str, nullable: bool
) -> None:
    reader = InstanceReader([Column(name="x", type=kind, nullable=nullable)], max_instances=9)
    assert reader.rows(body(value, [value], {"x": value})) == [(value,)] * 3
    for instance in (wrong, [wrong], {"x": wrong}):
        assert says in str(refusal(reader, body(value, instance))).replace(" | null", "")
    for listed in ([], [value, value]):
        assert "Expected `array` of length" in str(refusal(reader, body(listed)))


def test_several_features_need_one() -> None:
    assert refusal(TWO, body(1.5)).status == 422


def test_null_and_nothing_are_a_missing_value_where_the_feature_may_miss_one() -> None:
    by_name = {"small": 2.5, "count": 3, "flag": True, "class": None, "a b.[c]`": "text"}
    missing = (None, 2.5, 3, True, None, "text")
    assert EACH.rows(body(missing, by_name)) == [missing, missing]


def test_a_missing_value_is_no_zero_and_no_empty_text() -> None:
    assert EACH.rows(body((0.0, 0.0, 0, False, "", ""))) == [(0.0, 0.0, 0, False, "", "")]


@pytest.mark.parametrize(
    ("position", "value", "says"),
    [
        (0, "1.5", "feature 'number': Expected `number | null`, got `string`"),
        (0, True, "feature 'number': Expected `number | null`, got `boolean`"),
        (1, None, "feature 'small': Expected `number`, got `null`"),
        (1, 1e39, "feature 'small': Expected `number` < 3.40"),
        (1, 2.0**128 - 2.0**103, "feature 'small': Expected `number` < 3.40"),
        (1, 2.0**103 - 2.0**128, "feature 'small': Expected `number` > -3.40"),
        (2, 1.5, "feature 'count': Expected `integer`, got `number`"),
        (2, True, "feature 'count': Expected `integer`, got `boolean`"),
        (2, 2**63, "feature 'count': Expected `integer` <= 9223372036854775807"),
        (2, -(2**63) - 1, "feature 'count': Expected `integer` >= -9223372036854775808"),
        (3, 1, "feature 'flag': Expected `boolean`, got `integer`"),
        (4, 5, "feature 'class': Expected `string | null`, got `integer`"),
        (5, None, "feature 'a b.[c]`': Expected `string`, got `null`"),
        (5, ["text"], "feature 'a b.[c]`': Expected `string`, got `array`"),
    ],
)
def test_a_wrong_value_is_named_by_instance_and_feature(
    position: int, value: Any, says: str
) -> None:
    wrong = [*ROW[:position], value, *ROW[position + 1 :]]
    for instance in (wrong, dict(zip(NAMES, wrong, strict=True))):
        problem = refusal(EACH, body(ROW, instance))
        assert problem.status == 422
        assert str(problem).startswith(f"instance 1, {says}")


@pytest.mark.parametrize(
    ("request_body", "says"),
    [
        (b'{"instances": [[1]]}', "instance 0: Expected `array` of length 2"),
        (b'{"instances": [[1, 2, 3]]}', "instance 0: Expected `array` of length 2"),
        (b'{"instances": [{"x1": 1}]}', "instance 0: missing required field `x2`"),
        (b'{"instances": [{"x1": 1, "x2": 2, "x3": 3}]}', "unknown field `x3`"),
        (b'{"instances": [{"x1": 1, "y": 2}]}', "the features are 'x1', 'x2'"),
        (b'{"instances": [[[1, 2]]]}', "instance 0, feature 'x1': Expected `number`, got `array`"),
        (b'{"instances": []}', "instances: Expected `array` of length >= 1"),
        (b'{"instances": [[1,2],[1,2],[1,2],[1,2]]}', "instances: Expected `array` of length <= 3"),
        (b'{"instances": {"x1": 1}}', "instances: Expected `array`, got `object`"),
        (b'{"rows": [[1, 2]]}', 'missing required field `instances`; the body is {"instances": [['),
        (b"[[1, 2]]", 'Expected `object`, got `array`; the body is {"instances": [['),
        (b"null", "Expected `object`, got `null`"),
        (b'{"instances": [[1, 1e999]]}', "instance 0, feature 'x2': Number out of range"),
        (b'{"instances": [[1, 2], [1, NaN]]}', "instance 1, feature 'x2': nan is not a finite"),
        (b'{"instances": [{"x1": -Infinity, "x2": 1}]}', "instance 0, feature 'x1': -inf is not"),
        (
            b'{"instances": [[NaN, "1"]]}',
            "instance 0, feature 'x2': Expected `number`, got `string`",
        ),
    ],
)
def test_a_wrong_body_is_refused_with_what_is_wrong(request_body: bytes, says: str) -> None:
    problem = refusal(TWO, request_body)
    assert problem.status == 422
    assert says in str(problem)


@pytest.mark.parametrize(
    "request_body",
    [
        b"",
        b"x",
        b'{"instances": [[1, 2]',
        b'{"instances": [[1, 2]]} {}',
        b'{"instances": [["\\ud800", 2]]}',
        b'{"instances": [[NaN, 2]',
        b'{"NaN": NaN, "more": ' + b"[" * 100_000,
        b'{"more": ' + b"[" * 100_000,
    ],
)
def test_a_body_that_is_no_json_is_malformed(request_body: bytes) -> None:
    assert refusal(TWO, request_body).status == 400


def test_text_that_is_no_utf_8_is_malformed() -> None:
    request = b'{"instances": [[1, 2, 3, true, "\xff", "text"]]}'
    assert refusal(EACH, request).status == 400


def test_many_features_are_not_all_listed() -> None:
    inputs = [Column(name=f"x{number}", type=ColumnType.FLOAT64) for number in range(100)]
    reader = InstanceReader(inputs, max_instances=3)
    assert str(refusal(reader, body([1.0]))).endswith("'x19' and 80 more")


@pytest.mark.parametrize(
    ("reader", "query", "row"),
    [
        (ONE, b"msg=100", (100.0,)),
        (ONE, b"x=1e3", (1000.0,)),
        (TWO, b"x2=2&x1=-1.5", (-1.5, 2.0)),
        (
            EACH,
            b"number=1&small=2&count=3&flag=true&class=red&a+b.%5Bc%5D%60=%C3%A4",
            (1.0, 2.0, 3, True, "red", "\u00e4"),
        ),
        (
            EACH,
            b"number=&small=2&count=3&flag=0&class=&a%20b.[c]`=",
            (None, 2.0, 3, False, None, ""),
        ),
    ],
)
def test_a_query_gives_one_row(reader: InstanceReader, query: bytes, row: Row) -> None:
    assert reader.row(query) == row


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (b".5", 0.5),
        (b"5.", 5.0),
        (b"-.5E-1", -0.05),
        (b"%2B5", 5.0),
        (b"+5", 5.0),
        (b"%0A5%20", 5.0),
        (b"007", 7.0),
        (b"1e%2B2", 100.0),
        (b"1e-400", 0.0),
    ],
)
def test_a_query_may_write_a_number_in_every_decimal_form(text: bytes, number: float) -> None:
    assert ONE.row(b"msg=" + text) == (number,)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (b"%2B5", 5),
        (b"5.0", 5),
        (b"1e3", 1000),
        (b"-9223372036854775808", -(2**63)),
        (b"9007199254740993", 2**53 + 1),
    ],
)
def test_a_query_may_write_an_integer_in_every_decimal_form(text: bytes, number: int) -> None:
    assert EACH.row(b"small=1&count=" + text + b"&flag=TRUE&a+b.[c]`=")[2] == number


@pytest.mark.parametrize("request_body", [b"", b" \n"])
def test_an_empty_body_is_told_what_should_be_in_it(request_body: bytes) -> None:
    problem = refusal(TWO, request_body)
    assert problem.status == 400
    assert str(problem) == 'The body is empty; send {"instances": [[<value>, ...], ...]}.'


@pytest.mark.parametrize(
    ("reader", "query", "status", "says"),
    [
        (ONE, b"msg=1&x=2", 422, "feature 'x': given more than once"),
        (ONE, b"msg=a", 422, "feature 'x': 'a' is not a finite decimal number"),
        (ONE, b"msg=", 422, "missing required field `x`; the features are 'x'"),
        (ONE, b"msg=nan", 422, "feature 'x': 'nan' is not a finite decimal number"),
        (ONE, b"msg=-inf", 422, "feature 'x': '-inf' is not a finite decimal number"),
        (ONE, b"msg=1e999", 422, "feature 'x': '1e999' is out of range"),
        *(
            (ONE, b"msg=" + text, 422, "is not a finite decimal number")
            for text in (b"1_000", b"0x10", b"1,5", b".", b"-", b"e5", b"--5", b"5%00", b"%D9%A3")
        ),
        (ONE, b"msg=" + b"9" * 60_000 + b"x", 422, "feature 'x': '999"),
        (TWO, b"msg=1", 422, "the features are 'x1', 'x2'"),
        (TWO, b"x1=1", 422, "missing required field `x2`"),
        (TWO, b"x1=1&x2=2&y=3", 422, "unknown field `y`"),
        (EACH, b"small=nan&count=1&flag=0&a+b.[c]`=", 422, "feature 'small': 'nan' is not"),
        (EACH, b"small=1&count=9223372036854775808&flag=0&a+b.[c]`=", 422, "integer` <= 9223372"),
        (
            EACH,
            b"small=1e39&count=1&flag=0&a+b.[c]`=",
            422,
            "feature 'small': Expected `number` <",
        ),
        (EACH, b"small=1&count=1.5&flag=0&a+b.[c]`=", 422, "'1.5' is not an integer"),
        (EACH, b"small=1&count=1&flag=maybe&a+b.[c]`=", 422, "'maybe' is neither true nor false"),
        (ONE, b"msg=%ff", 400, "The query cannot be read"),
        (ONE, b"msg=\xff", 400, "The query cannot be read"),
    ],
)
def test_a_wrong_query_is_refused_with_what_is_wrong(
    reader: InstanceReader, query: bytes, status: int, says: str
) -> None:
    problem = refusal(reader, query, query=True)
    assert problem.status == status
    assert says in str(problem)


def test_a_feature_may_itself_be_named_msg() -> None:
    reader = InstanceReader([Column(name="msg", type=ColumnType.FLOAT64)], max_instances=1)
    assert reader.row(b"msg=1") == (1.0,)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=2))
def test_every_finite_number_arrives_as_it_was_sent(values: list[float]) -> None:
    assert TWO.rows(body(values)) == [tuple(values)]
    query = f"x1={values[0]!r}&x2={values[1]!r}".replace("+", "%2B").encode()
    assert TWO.row(query) == tuple(values)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
)


@given(ANYTHING.map(lambda value: {"instances": [value]}) | ANYTHING)
def test_whatever_is_sent_becomes_finite_rows_or_a_problem(sent: Any) -> None:
    request = json.dumps(sent).encode()
    with suppress(Problem):
        assert all(math.isfinite(value) for row in TWO.rows(request) for value in row)


@given(st.binary(max_size=60))
def test_whatever_is_asked_becomes_a_finite_number_or_a_problem(query: bytes) -> None:
    with suppress(Problem):
        assert math.isfinite(ONE.row(b"msg=" + query)[0])


def long(instances: list[Any]) -> bytes:
    """Return a body that is long enough to be read as a matrix."""
    return json.dumps({"instances": instances, "comment": "-" * 40_000}).encode()


def numbers(body: bytes, features: int = 2) -> list[list[float]]:
    columns = [Column(name=f"x{i}", type=ColumnType.FLOAT64) for i in range(features)]
    rows = InstanceReader(columns, max_instances=3).rows(body)
    return [list(map(float, row)) for row in rows]


@pytest.mark.parametrize(
    "instances",
    [
        [[1.5, -2e300], [0, 1]],
        [[1, 2]],
        [[2**53 + 1, 2**62 + 1]],
        [[2**64, 1]],
        [{"x0": 1, "x1": 2.5}, [3, 4]],
    ],
)
def test_a_long_body_is_read_as_a_short_one_is(instances: list[Any]) -> None:
    short = json.dumps({"instances": instances}).encode()
    assert numbers(long(instances)) == numbers(short)


@pytest.mark.parametrize(
    "instances",
    [
        [[1.5, True]],
        [[1.5, "1"]],
        [["1", "2"]],
        [[1.5, None]],
        [[1.5], [1, 2]],
        [[1.5, 2, 3]],
        [[[1.5, 2]]],
        [1.5, 2],
        [],
        [[1, 2]] * 4,
        [[1.5, float("nan")]],
        [[1.5, float("inf")]],
        [[1.5, 10**400]],
        None,
        {"a": [1, 2]},
    ],
)
def test_a_long_body_is_refused_as_a_short_one_is(instances: Any) -> None:
    with pytest.raises(Problem) as refused_short:
        numbers(json.dumps({"instances": instances}).encode())
    with pytest.raises(Problem) as refused_long:
        numbers(long(instances))
    assert str(refused_long.value) == str(refused_short.value)
    assert refused_long.value.status == refused_short.value.status
