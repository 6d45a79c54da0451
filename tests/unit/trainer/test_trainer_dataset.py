"""Columns become what scikit-learn takes, or are refused with file, column and line."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trainer_builders import dataset, rows

from perennial_core.manifest import ColumnType, Task
from perennial_trainer.data.dataset import build_dataset
from perennial_trainer.data.fingerprint import fingerprint
from perennial_trainer.failure import DataError

Y = [1.0, 2.0, 3.0]


def feature(values: Any) -> tuple[ColumnType, bool, list[Any]]:
    """Return type, nullability and values of a feature made from a column."""
    built = dataset({"x": values, "y": Y})
    (column,) = built.inputs
    return column.type, column.nullable, built.features["x"].tolist()


@pytest.mark.parametrize(
    "values",
    [
        pa.array([1, 2, 3], pa.uint8()),
        pa.array([1, 2, 3], pa.int64()),
        pa.array([1, 2, 3], pa.float32()),
        pa.array([Decimal(1), Decimal(2), Decimal(3)], pa.decimal128(5, 2)),
        pa.array([1, 2, 3]).dictionary_encode(),
    ],
    ids=lambda values: str(values.type),
)
def test_every_kind_of_number_becomes_float64(values: pa.Array) -> None:
    assert feature(values) == (ColumnType.FLOAT64, False, [1.0, 2.0, 3.0])


def test_bools_become_zero_and_one() -> None:
    assert feature([True, False, True]) == (ColumnType.BOOL, False, [1.0, 0.0, 1.0])


@pytest.mark.parametrize(
    "values",
    [
        pa.array(["a", "b", "a"]),
        pa.array(["a", "b", "a"], pa.large_string()),
        pa.array(["a", "b", "a"], pa.string_view()),
        pa.array(["a", "b", "a"]).dictionary_encode(),
    ],
    ids=lambda values: str(values.type),
)
def test_every_kind_of_text_becomes_objects(values: pa.Array) -> None:
    assert feature(values) == (ColumnType.STRING, False, ["a", "b", "a"])


@pytest.mark.parametrize(
    "values",
    [[1.0, None, 3.0], [1, None, 3], [True, None, False], ["a", None, "b"], [1.0, np.nan, 3.0]],
    ids=repr,
)
def test_a_missing_value_is_nan_and_makes_the_column_nullable(values: list[Any]) -> None:
    _, nullable, found = feature(values)
    assert nullable
    assert np.isnan(found[1])
    assert [found[0], found[2]] == [values[0], values[2]]


def test_a_number_may_be_whole_in_one_file_and_not_in_another() -> None:
    one = rows({"x": [1, 2], "y": [1.0, 2.0]})
    two = rows({"x": [0.5], "y": [3]})
    both = type(one)((*one.files, *two.files), one.features, one.target)
    assert build_dataset(both, Task.REGRESSION).features["x"].tolist() == [1.0, 2.0, 0.5]


def test_numbers_alone_are_one_block_without_a_copy() -> None:
    built = dataset({"a": [1, 2, 3], "b": [True, False, True], "y": Y})
    assert np.shares_memory(built.features.to_numpy(), built.features["a"].to_numpy())


def test_without_numbers_rows_keep_their_texts_and_nothing_of_the_matrix() -> None:
    for texts in ({}, {"t": ["u", "v", None]}):
        built = dataset({"a": [1, 2, 3], "b": [True, False, True], **texts, "y": Y})
        rest = built.without_numbers()
        assert list(rest.features.columns) == list(texts)
        assert (rest.count, rest.inputs, rest.target) == (3, built.inputs, built.target)
        matrix = built.features[["a", "b"]].to_numpy()
        assert not any(np.shares_memory(rest.features[name], matrix) for name in texts)


def test_numbers_come_in_pieces_each_with_a_dictionary_of_its_own() -> None:
    pieces = [pa.array([1.5, 2.5, 1.5]), pa.array([4.5, None, 2.5])]
    values = pa.chunked_array([piece.dictionary_encode() for piece in pieces])
    built = dataset({"x": values, "y": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]})
    np.testing.assert_array_equal(built.features["x"], [1.5, 2.5, 1.5, 4.5, np.nan, 2.5])


BAD_FEATURES = [
    ([None, None, None], "points.csv: column 'x' has no value in any row"),
    ([np.nan, np.nan, np.nan], "points.csv: column 'x' has no value in any row"),
    (pa.array([None, None, None], pa.string()), "points.csv: column 'x' has no value in any row"),
    ([1.0, np.inf, -np.inf], "points.csv, line 3: column 'x' holds an infinite value (2 in all)"),
    ([date(2026, 1, 1)] * 3, "points.csv: column 'x' holds dates or times"),
    ([[1], [2], [3]], "points.csv: column 'x' holds list"),
    (
        [{f"field {i}": i for i in range(100)}] * 3,
        "points.csv: column 'x' holds struct<field 0: int64, field 1: int64, fie … ield 99: int64>,"
        " which estimators do not take; turn it into numbers or text, or list the columns to use in"
        " spec.training.data.features",
    ),
    ([b"a", b"\xe4", b"c"], "points.csv: column 'x' is not UTF-8 text (points.csv, line 3)"),
]


@pytest.mark.parametrize(("values", "message"), BAD_FEATURES, ids=[m for _, m in BAD_FEATURES])
def test_a_bad_feature_is_named_with_its_fault(values: Any, message: str) -> None:
    with pytest.raises(DataError) as raised:
        dataset({"x": values, "y": Y})
    assert str(raised.value).startswith(message)


BAD_TARGETS: list[tuple[Task, Any, str]] = [
    (Task.REGRESSION, [1.0, None, 3.0], "points.csv, line 3: the target column 'y' has no value"),
    (Task.REGRESSION, [np.nan, None, 1.0], "points.csv, line 2: the target column 'y' has no val"),
    (Task.REGRESSION, [None] * 3, "points.csv: the target column 'y' has no value in any row"),
    (Task.REGRESSION, [1.0, 2.0, np.inf], "points.csv, line 4: the target column 'y' holds an inf"),
    (
        Task.REGRESSION,
        ["1", "two", "3"],
        "points.csv, line 3: the target column 'y' holds text, 'two'; a regressor needs numbers",
    ),
    (
        Task.REGRESSION,
        ["0,5", "1,5", "2,5"],
        "points.csv, line 2: the target column 'y' holds text, '0,5'; a regressor needs numbers,"
        " without commas",
    ),
    (
        Task.REGRESSION,
        [None, "1", "2"],
        "points.csv, line 3: the target column 'y' holds text, '1'; a regressor needs numbers",
    ),
    (
        Task.REGRESSION,
        pa.array([None] * 3, pa.string()),
        "points.csv: the target column 'y' has no value in any row",
    ),
    (Task.CLASSIFICATION, ["a", None, "b"], "points.csv, line 3: the target column 'y' has no v"),
    (Task.CLASSIFICATION, ["a"] * 3, "points.csv: the target column 'y' holds a single class, 'a'"),
    (Task.CLASSIFICATION, [1, 1, 1], "points.csv: the target column 'y' holds a single class, 1"),
    (
        Task.CLASSIFICATION,
        [1.0, 1e19, 2e19],
        "points.csv, line 3: the target column 'y' holds 1e+19; a label that is a whole number has",
    ),
    (
        Task.CLASSIFICATION,
        pa.array([1, 2**63, 2**63 + 1], pa.uint64()),
        "points.csv, line 3: the target column 'y' holds 9.22337203685478e+18; a label that is a",
    ),
    (Task.CLASSIFICATION, [1.0, 2.5, 3.0], "points.csv, line 3: the target column 'y' holds 2.5"),
    (Task.CLASSIFICATION, [date(2026, 1, 1)] * 3, "points.csv: column 'y' holds dates or times"),
    (
        Task.REGRESSION,
        [date(2026, 1, 1)] * 3,
        "points.csv: column 'y' holds dates or times, which estimators do not take; turn it into"
        " numbers or text, or name another target in spec.training.data.target",
    ),
]


@pytest.mark.parametrize(("task", "values", "message"), BAD_TARGETS)
def test_a_bad_target_is_named_with_its_fault(task: Task, values: Any, message: str) -> None:
    with pytest.raises(DataError) as raised:
        dataset({"x": [1, 2, 3], "y": values}, task=task)
    assert str(raised.value).startswith(message)


def test_text_in_one_file_and_numbers_in_another_are_refused() -> None:
    one, two = rows({"x": [1, 2], "y": [1, 2]}), rows({"x": ["a", "b"], "y": [1, 2]})
    both = type(one)((*one.files, *two.files), one.features, one.target)
    with pytest.raises(DataError, match="column 'x' holds text, but whole numbers in"):
        build_dataset(both, Task.REGRESSION)


@pytest.mark.parametrize(
    ("values", "kind", "stored"),
    [
        ([True, False, True], ColumnType.BOOL, [1, 0, 1]),
        ([3, 1, 2], ColumnType.INT64, [3, 1, 2]),
        ([3.0, 1.0, 2.0], ColumnType.INT64, [3, 1, 2]),
        ([2**63 - 1, -(2**63), 0], ColumnType.INT64, [2**63 - 1, -(2**63), 0]),
        ([-(2.0**63), 1.0, 0.0], ColumnType.INT64, [-(2**63), 1, 0]),
        (["a", "b", "a"], ColumnType.STRING, ["a", "b", "a"]),
    ],
)
def test_labels_are_bools_whole_numbers_or_texts(
    values: list[Any], kind: ColumnType, stored: list[Any]
) -> None:
    target = dataset({"x": [1, 2, 3], "y": values}, task=Task.CLASSIFICATION).target
    assert (target.column.type, target.values.tolist()) == (kind, stored)


def fingerprint_of(columns: Mapping[str, Any], files: int = 1) -> str:
    return fingerprint(build_dataset(rows(columns, files=files), Task.REGRESSION))


def columns(size: int) -> st.SearchStrategy[dict[str, list[Any]]]:
    numbers = st.floats(-1e6, 1e6)

    def column(values: st.SearchStrategy[Any], first: Any) -> st.SearchStrategy[list[Any]]:
        rest = st.lists(values, min_size=size - 1, max_size=size - 1)
        return rest.map(lambda found: [first, *found])

    return st.fixed_dictionaries(
        {
            "n": column(numbers | st.none(), 1.0),
            "t": column(st.text(max_size=3) | st.none(), "a"),
            "y": column(numbers, 0.0),
        }
    )


TABLES = st.integers(3, 30).flatmap(columns)


@settings(deadline=None, max_examples=60)
@given(table=TABLES, files=st.integers(1, 3))
def test_the_fingerprint_does_not_depend_on_the_division_into_files(
    table: dict[str, list[Any]], files: int
) -> None:
    typed = pa.table(
        {
            "n": pa.array(table["n"], pa.float64()),
            "t": pa.array(table["t"], pa.string()),
            "y": pa.array(table["y"], pa.float64()),
        }
    )
    assert fingerprint_of(typed, files) == fingerprint_of(typed)


@settings(deadline=None, max_examples=60)
@given(table=TABLES, column=st.sampled_from(["n", "t", "y"]), row=st.integers(0, 2))
def test_the_fingerprint_changes_with_every_value(
    table: dict[str, list[Any]], column: str, row: int
) -> None:
    changed = {name: list(values) for name, values in table.items()}
    old = changed[column][row]
    changed[column][row] = (old or "") + "!" if column == "t" else (old or 0.0) + 1.0
    assert fingerprint_of(table) != fingerprint_of(changed)


def test_the_fingerprint_changes_with_names_and_order() -> None:
    base = {"a": [1, 2, 3], "b": ["ab", "c", "d"], "y": [1, 2, 4]}
    others: list[dict[str, Any]] = [
        {"A": [1, 2, 3], "b": ["ab", "c", "d"], "y": [1, 2, 4]},
        {"a": [2, 1, 3], "b": ["c", "ab", "d"], "y": [2, 1, 4]},
        {"a": [1, 2, 3], "b": ["a", "bc", "d"], "y": [1, 2, 4]},
        {"a": [True, True, False], "b": ["ab", "c", "d"], "y": [1, 2, 4]},
    ]
    prints = [fingerprint_of(columns) for columns in [base, *others]]
    assert len(set(prints)) == len(prints)


def test_a_missing_text_is_not_an_empty_one() -> None:
    empty, missing = {"t": ["a", "", "b"], "y": Y}, {"t": ["a", None, "b"], "y": Y}
    assert fingerprint_of(empty) != fingerprint_of(missing)
