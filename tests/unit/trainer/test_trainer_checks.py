"""Checks of the data: rows that do not pass are refused with all that fails, before training."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pyarrow import parquet
from trainer_builders import order, rows, settings

from perennial_core.resource.data import Checks
from perennial_trainer.data.checks import check_rows
from perennial_trainer.data.reading import read_rows
from perennial_trainer.data.rows import Rows
from perennial_trainer.failure import DataError

FIELD = "spec.training.data.checks"


def failures(given: Rows, *columns: dict[str, Any], **counts: int) -> list[str]:
    """Return what fails, in its order."""
    try:
        check_rows(given, Checks.model_validate({"columns": list(columns), **counts}))
    except DataError as error:
        return str(error).split("; ")
    return []


TEN = rows({"x": np.arange(10.0), "y": np.arange(10.0)})


@pytest.mark.parametrize("counts", [{}, {"minRows": 10}, {"maxRows": 10}, {"minRows": 1}])
def test_enough_rows_pass(counts: dict[str, int]) -> None:
    assert failures(TEN, **counts) == []


def test_too_few_and_too_many_rows_are_counted() -> None:
    found = f"points.csv: there are 10 rows, fewer than {FIELD}.minRows 11"
    assert failures(TEN, minRows=11) == [found]
    found = f"points.csv: there are 10 rows, more than {FIELD}.maxRows 9"
    assert failures(TEN, maxRows=9) == [found]


def test_the_rows_of_all_files_count() -> None:
    several = rows({"x": np.arange(10.0), "y": np.arange(10.0)}, files=3)
    assert failures(several, minRows=10, maxRows=10) == []
    (found,) = failures(several, minRows=11)
    assert found.startswith("points-0.csv and 2 more: there are 10 rows")


def test_a_column_that_is_not_there_is_named_with_those_that_are() -> None:
    assert failures(TEN, {"name": "x"}) == []
    found = failures(TEN, {"name": "xx", "max": "1"})
    expected = f"points.csv: there is no column 'xx', which {FIELD} names; there are: 'x', 'y' "
    assert "; ".join(found) == f"{expected}(did you mean 'x'?)"


def test_bounds_are_inclusive() -> None:
    assert failures(TEN, {"name": "x", "min": "0", "max": "9"}) == []


def test_values_out_of_bounds_are_named_by_their_line() -> None:
    assert failures(TEN, {"name": "x", "min": "0.5", "max": "6.5"}) == [
        "points.csv, line 2: column 'x' holds 0, below min 0.5 (1 row in all)",
        "points.csv, line 9: column 'x' holds 7, above max 6.5 (3 rows in all)",
    ]


def test_a_value_is_found_in_its_file() -> None:
    several = rows({"x": np.arange(10.0), "y": np.arange(10.0)}, files=2)
    (found,) = failures(several, {"name": "x", "max": "5"})
    assert found.startswith("points-1.csv, line 3: column 'x' holds 6, above")


@pytest.mark.parametrize(
    ("values", "passes"),
    [
        (pa.array([1, 2, 3]), True),
        (pa.array([1, 2, 9]), False),
        (pa.array([True, False, None]), True),
        (pa.array([None, None, None]), True),
        (pa.array([1.5, float("nan"), None]), True),
        (pa.array([1.5, float("inf"), None]), False),
    ],
)
def test_numbers_of_every_kind_have_bounds_and_missing_ones_none(values: Any, passes: bool) -> None:
    given = rows(pa.table({"x": values, "y": pa.array([1, 2, 3])}))
    assert (failures(given, {"name": "x", "min": "0", "max": "5"}) == []) == passes


@pytest.mark.parametrize(
    ("values", "kind"),
    [(pa.array(["1", "b"]), "text"), (pa.array([0, 1], pa.timestamp("s")), "timestamp[s]")],
)
def test_what_is_no_number_has_no_bounds(values: Any, kind: str) -> None:
    given = rows(pa.table({"x": values, "y": pa.array([1, 2])}))
    assert failures(given, {"name": "x", "maxNullShare": "0"}) == []
    found = failures(given, {"name": "x", "min": "0"})
    assert found == [f"points.csv: column 'x' holds {kind}, and min and max are for numbers"]


@hypothesis_settings(deadline=None)
@given(missing=st.integers(0, 40), nan=st.integers(0, 40), percent=st.integers(0, 100))
def test_a_share_of_missing_values_is_exact(missing: int, nan: int, percent: int) -> None:
    values = [None] * missing + [float("nan")] * nan + [1.0] * (100 - missing - nan)
    given = rows(pa.table({"x": pa.array(values), "y": pa.array(values)}), files=3)
    share = f"{percent / 100:.2f}"
    found = failures(given, {"name": "x", "maxNullShare": share})
    assert (found == []) == (missing + nan <= percent)
    if found:
        count = missing + nan
        assert f"has no value in {count} of 100 rows, a share of {count / 100:.6g}" in found[0]
        assert found[0].endswith(f"above maxNullShare {share}")


def test_all_that_fails_is_said_at_once() -> None:
    found = failures(TEN, {"name": "x", "min": "5"}, {"name": "y", "max": "5"}, minRows=99)
    assert [re.sub(r".*?: ", "", text)[:10] for text in found] == [
        "there are ",
        "column 'x'",
        "column 'y'",
    ]


def test_very_many_failures_are_counted() -> None:
    found = failures(TEN, *({"name": f"missing {i}"} for i in range(30)))
    assert found[-1] == "and 10 more"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def read(data: Path, name: str, *columns: dict[str, Any], **spec: Any) -> Rows:
    given = order(uri=f"file:///data/{name}", checks={"columns": list(columns)}, **spec)
    return read_rows(given.training.data, settings(data.parent))


@pytest.mark.parametrize("name", ["points.csv", "points.csv.gz", "points.parquet"])
def test_columns_that_are_no_features_are_checked_too(data: Path, name: str) -> None:
    content = "x,z,w,y\n1,5,0,1\n2,7,0,2\n"
    if name.endswith("parquet"):
        table = pa.table({"x": [1, 2], "z": [5, 7], "w": [0, 0], "y": [1, 2]})
        parquet.write_table(table, data / name)
    else:
        binary = gzip.compress(content.encode()) if name.endswith("gz") else content.encode()
        (data / name).write_bytes(binary)
    found = read(data, name, {"name": "z", "max": "7"}, features=["x"])
    assert found.files[0].table.column_names == ["x", "y"]
    with pytest.raises(DataError, match=r"'z' holds 7, above max 6 \(1 row in all\)"):
        read(data, name, {"name": "z", "max": "6"}, features=["x"])
    with pytest.raises(DataError, match=r"no column 'u', which .*checks names; .*'x', 'z', 'w'"):
        read(data, name, {"name": "u"}, features=["x"])


def test_a_column_that_stands_twice_cannot_be_checked(data: Path) -> None:
    (data / "points.csv").write_text("x,z,z,y\n1,5,0,1\n2,7,0,2\n")
    with pytest.raises(DataError, match=r"points\.csv.*: the header names column 'z' twice"):
        read(data, "points.csv", {"name": "z"}, features=["x"])
