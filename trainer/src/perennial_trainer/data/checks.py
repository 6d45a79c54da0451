"""Holds the rows against ``spec.training.data.checks``, before anything is trained on them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import numpy as np
import pyarrow.compute as pc

from perennial_core.resource.data import Checks, ColumnCheck
from perennial_trainer.data.columns import Array, Kind, is_numeric, kind_in_file, numbers
from perennial_trainer.data.rows import Rows, columns_there_are
from perennial_trainer.failure import DataError

_FIELD = "spec.training.data.checks"
_SHOWN = 20
"""More failures than a person reads at once are only counted."""


def check_rows(rows: Rows, checks: Checks) -> None:
    """Refuse rows that do not pass.

    Args:
        rows: Of all files, with all their columns; one or more.
        checks: What has to hold.

    Raises:
        DataError: The text names all that fails: file, column, bound, and the value found.
    """
    failures = [
        *wrong_count(rows.name, rows.count, checks),
        *(failure for check in checks.columns for failure in _of_column(rows, check)),
    ]
    if failures:
        more = len(failures) - _SHOWN
        shown = failures[:_SHOWN] + ([f"and {more} more"] if more > 0 else [])
        raise DataError("; ".join(shown))


def wrong_count(data: str, count: int, checks: Checks) -> Iterator[str]:
    """Yield what is wrong with how many rows there are."""
    least, most = checks.min_rows, checks.max_rows
    found = f"{data}: there are {count} rows"
    if least is not None and count < least:
        yield f"{found}, fewer than {_FIELD}.minRows {least}"
    if most is not None and count > most:
        yield f"{found}, more than {_FIELD}.maxRows {most}"


def _of_column(rows: Rows, check: ColumnCheck) -> Iterator[str]:
    gone = list(_missing(rows, check.name))
    yield from gone
    if gone:
        return
    if check.max_null_share is not None:
        missing, most = missing_in(rows, check.name), Decimal(check.max_null_share)
        yield from wrong_null_share(rows.name, check.name, missing, rows.count, most)
    if check.min is not None or check.max is not None:
        yield from _of_values(rows, check)


def _missing(rows: Rows, name: str) -> Iterator[str]:
    for file in rows.files:
        names = file.table.column_names
        if name not in names:
            there_are = columns_there_are(name, names)
            yield f"{file.name}: there is no column {name!r}, which {_FIELD} names; {there_are}"
        elif names.count(name) > 1:
            yield f"{file.name}: the header names column {name!r} twice"


def missing_in(rows: Rows, name: str) -> int:
    """Return how many rows have no value in a column."""
    chunks = rows.chunks(name)
    return sum(pc.sum(pc.is_null(chunk, nan_is_null=True)).as_py() or 0 for chunk in chunks)


def wrong_null_share(
    data: str, column: str, missing: int, count: int, most: Decimal
) -> Iterator[str]:
    """Yield what is wrong with how many rows of a column have no value."""
    if missing > most * count:
        yield (
            f"{data}: column {column!r} has no value in {missing} of {count} rows, a share"
            f" of {missing / count:.6g}, above maxNullShare {most}"
        )


def _of_values(rows: Rows, check: ColumnCheck) -> Iterator[str]:
    name = check.name
    for file, arrow_type in rows.types(name):
        kind = kind_in_file(arrow_type)
        if not is_numeric(kind) and kind is not Kind.EMPTY:
            holds = kind or arrow_type
            yield f"{file}: column {name!r} holds {holds}, and min and max are for numbers"
            return
    values = np.empty(rows.count)
    numbers(rows, name, values)
    if check.min is not None:
        below = values < float(check.min)
        yield from _of_bound(rows, name, values, below, f"below min {check.min}")
    if check.max is not None:
        above = values > float(check.max)
        yield from _of_bound(rows, name, values, above, f"above max {check.max}")


def _of_bound(rows: Rows, name: str, values: Array, wrong: Array, bound: str) -> Iterator[str]:
    if wrong.any():
        row = int(np.argmax(wrong))
        count = int(np.count_nonzero(wrong))
        yield (
            f"{rows.place(row)}: column {name!r} holds {values[row]:.15g}, {bound}"
            f" ({count} {'row' if count == 1 else 'rows'} {rows.extent})"
        )
