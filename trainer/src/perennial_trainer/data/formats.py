"""Reads a file into a table by its format, which its suffix tells unless the spec does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
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
_NO_DELIMITERS = ('"', "\n", "\r")
FIRST_LINES = {DataFormat.CSV: 2, DataFormat.JSON_LINES: 1}


@dataclass(frozen=True)
class FileTable:
    """The rows of one file."""

    name: str
    table: pa.Table
    first_line: int | None = None
    """The line of the file's first row; None where rows are not lines."""
    start: int = 0
    """How many rows of the file come before those of the table."""

    def place(self, row: int) -> str:
        """Return where a row stands, for messages. Blank lines are not counted."""
        row += self.start
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
    kind = format_of(file, data)
    with explained(file, kind):
        table = _table(file, kind, data)
        table.column_names  # noqa: B018 - decodes the names, which pyarrow does not until asked
    return FileTable(file.name, table, FIRST_LINES.get(kind))


def format_of(file: DataFile, data: DataSpec) -> DataFormat:
    """Return the format of a file.

    Raises:
        SpecError: The suffix tells none and the spec does neither; or it has no delimiters, or not
            that of the spec.
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
    if data.delimiter in _NO_DELIMITERS or not (data.delimiter or "").isascii():
        raise SpecError(
            f"spec.training.data.delimiter: cannot be {data.delimiter!r}; give the character that"
            " stands between values: of ASCII, no quote and no line break"
        )
    return kind


@contextmanager
def explained(file: DataFile, kind: DataFormat) -> Iterator[None]:
    """Say of what pyarrow raises which file it is about, and whether it passes."""
    try:
        yield
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
            return read_csv(file, delimiter_of(file, data))
        case DataFormat.JSON_LINES:
            return read_json_lines(file)
        case DataFormat.PARQUET:
            return _read_parquet(file, data)


def _read_parquet(file: DataFile, data: DataSpec) -> pa.Table:
    from pyarrow.parquet import ParquetFile

    parquet = ParquetFile(file.open())
    return parquet.read(columns=wanted_columns(parquet.schema_arrow.names, data))


def wanted_columns(there_are: Iterable[str], data: DataSpec) -> list[str] | None:
    """Return the columns to read of those that there are; None: all.

    What is missing is said later, with the columns that there are.
    """
    if data.features is None:
        return None
    checked = (column.name for column in data.checks.columns)
    wanted = {*data.features, data.target, *checked}
    return sorted(wanted) if wanted.issubset(there_are) else None


def delimiter_of(file: DataFile, data: DataSpec) -> str:
    return data.delimiter or ("\t" if _suffix(file.uri) == ".tsv" else ",")


def _suffix(name: str) -> str:
    path = PurePosixPath(name.lower())
    return PurePosixPath(path.stem).suffix if path.suffix in _COMPRESSED else path.suffix
