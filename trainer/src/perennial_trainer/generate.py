"""Writes generated rows to a file, or adds them to one, so that new data can be made to arrive."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
from pyarrow import csv, parquet

from perennial_core.resource import DataFormat, DataSpec
from perennial_trainer.data.data_file import DataFile
from perennial_trainer.data.formats import format_by_suffix, read_file
from perennial_trainer.data.sample import Linear
from perennial_trainer.failure import DataError, SpecError

_READ_ALL = DataSpec(uri="file:///generated", target="y")


def generate(file: Path, rows: Linear, *, append: bool) -> int:
    """Write rows with the columns x and y; who reads meanwhile sees all of the old or of the new.

    Args:
        file: Its suffix tells the format: .csv, .parquet or .jsonl.
        rows: What to generate.
        append: Add to what the file holds, instead of replacing it.

    Returns:
        How many rows the file has now.

    Raises:
        SpecError: The suffix tells no format, or the folder cannot be written to.
        DataError: What the file holds already has other columns or cannot be read.
    """
    kind = format_by_suffix(file.name)
    if kind is None or file.suffix not in (".csv", ".parquet", ".jsonl"):
        raise SpecError(f"{file}: the suffix must be .csv, .parquet or .jsonl")
    table = rows.table()
    if append and file.exists():
        table = pa.concat_tables([_existing(file), table], promote_options="permissive")
    try:
        _replace(file, lambda path: _write(table, path, kind))
    except OSError as error:
        raise SpecError(f"{file}: cannot be written: {error.strerror or error}") from error
    return int(table.num_rows)


def _existing(file: Path) -> pa.Table:
    table = read_file(DataFile(str(file), lambda: pa.OSFile(str(file))), _READ_ALL).table
    if sorted(table.column_names) != ["x", "y"]:
        raise DataError(f"{file}: has the columns {', '.join(table.column_names)}, not x and y")
    return table.select(["x", "y"])


def _replace(file: Path, write: Callable[[Path], None]) -> None:
    """Write beside the file, then put it in its place in one step."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    os.close(descriptor)
    written = Path(name)
    try:
        write(written)
        written.chmod(0o644)
        written.replace(file)
    finally:
        written.unlink(missing_ok=True)


def _write(table: pa.Table, path: Path, kind: DataFormat) -> None:
    match kind:
        case DataFormat.CSV:
            csv.write_csv(table, path)
        case DataFormat.PARQUET:
            parquet.write_table(table, path)
        case DataFormat.JSON_LINES:
            with path.open("w") as stream:
                stream.writelines(json.dumps(row) + "\n" for row in table.to_pylist())
