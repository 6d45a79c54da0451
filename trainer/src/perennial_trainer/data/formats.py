"""Reads a file into a table by its format, which its suffix tells unless the spec does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

import pyarrow as pa

from perennial_core.errors import Outage, brief
from perennial_core.resource import DataFormat, DataSpec
from perennial_trainer.data.csv_table import read_csv
from perennial_trainer.data.data_file import DataFile
from perennial_trainer.data.json_table import read_json_lines
from perennial_trainer.failure import DataError, SpecError

FORMATS = {
    ".csv": DataFormat.CSV,
    ".tsv": DataFormat.CSV,
    ".parquet": DataFormat.PARQUET,
    ".jsonl": DataFormat.JSON_LINES,
    ".ndjson": DataFormat.JSON_LINES,
    ".json": DataFormat.JSON_LINES,
}
_COMPRESSED = {".gz", ".bz2", ".zst"}
_FIRST_LINES = {DataFormat.CSV: 2, DataFormat.JSON_LINES: 1}


@dataclass(frozen=True)
class FileTable:
    """The rows of one file."""

    name: str
    table: pa.Table
    first_line: int | None = None
    """The line of the first row; None where rows are not lines."""

    def place(self, row: int) -> str:
        """Return where a row stands, for messages. Blank lines are not counted."""
        if self.first_line is None:
            return f"{self.name}, row {row + 1}"
        return f"{self.name}, line {row + self.first_line}"


def format_by_suffix(name: str) -> DataFormat | None:
    """Return the format that a file's name tells; ``points.csv.gz`` is CSV too."""
    return FORMATS.get(_suffix(name))


def read_file(file: DataFile, data: DataSpec) -> FileTable:
    """Read one file.

    Raises:
        DataError: The content is not what the format says; the text names file and line.
        SpecError: The suffix tells no format and the spec does neither.
        Outage: The file cannot be read just now.
    """
    kind = data.format or format_by_suffix(file.uri)
    if kind is None:
        raise SpecError(
            f"{file.name}: the suffix tells no format (known: {', '.join(FORMATS)});"
            " set spec.training.data.format"
        )
    if data.delimiter is not None and kind is not DataFormat.CSV:
        raise SpecError(
            f"spec.training.data.delimiter: {file.name} is {kind}, and only csv has delimiters"
        )
    try:
        table = _table(file, kind, data)
        table.column_names  # noqa: B018 - decodes the names, which pyarrow does not until asked
        return FileTable(file.name, table, _FIRST_LINES.get(kind))
    except UnicodeDecodeError as error:
        raise DataError(f"{file.name}: the text is not UTF-8; save it as UTF-8") from error
    except OSError as error:
        if error.errno is not None:
            raise Outage(f"{file.name}: cannot be read: {error}") from error
        raise DataError(f"{file.name}: cannot be read as {kind}: {brief(error)}") from error
    except pa.ArrowException as error:
        raise DataError(f"{file.name}: cannot be read as {kind}: {brief(error)}") from error


def _table(file: DataFile, kind: DataFormat, data: DataSpec) -> pa.Table:
    match kind:
        case DataFormat.CSV:
            return read_csv(file, data.delimiter or _delimiter(file.uri))
        case DataFormat.JSON_LINES:
            return read_json_lines(file)
        case DataFormat.PARQUET:
            return _read_parquet(file, data)


def _read_parquet(file: DataFile, data: DataSpec) -> pa.Table:
    from pyarrow.parquet import ParquetFile

    parquet = ParquetFile(file.open())
    names = set(parquet.schema_arrow.names)
    # What is missing is said later, with the columns that there are.
    complete = data.features is not None and names.issuperset(_wanted(data))
    return parquet.read(columns=_wanted(data) if complete else None)


def _wanted(data: DataSpec) -> list[str]:
    checked = (column.name for column in data.checks.columns)
    return sorted({*(data.features or []), data.target, *checked})


def _delimiter(name: str) -> str:
    return "\t" if _suffix(name) == ".tsv" else ","


def _suffix(name: str) -> str:
    path = PurePosixPath(name.lower())
    return PurePosixPath(path.stem).suffix if path.suffix in _COMPRESSED else path.suffix
