"""A file of training data that is read piece by piece, each time from its begin.

What a column holds is said by its first values, in the first file; all later ones are read as that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from perennial_core.resource import DataFormat, DataSpec
from perennial_trainer.data.csv_table import open_csv
from perennial_trainer.data.data_file import DataFile
from perennial_trainer.data.formats import (
    FIRST_LINES,
    FileTable,
    delimiter_of,
    explained,
    format_of,
    wanted_columns,
)
from perennial_trainer.data.json_table import open_json_lines
from perennial_trainer.failure import DataError

_PARQUET_ROWS = 16_384
"""In a piece."""
_WORDS = {"double": "numbers", "bool": "true and false"}
_CONVERSION = re.compile(r"In CSV column #(\d+): CSV conversion error to ([^:]+): (.*)", re.DOTALL)


@dataclass(frozen=True)
class OpenFile:
    """A file, and what its columns hold."""

    file: DataFile
    data: DataSpec
    kind: DataFormat
    schema: pa.Schema

    def header(self) -> FileTable:
        """Return the file without its rows."""
        return FileTable(self.file.name, self.schema.empty_table(), FIRST_LINES.get(self.kind))

    def pieces(self) -> Iterator[FileTable]:
        """Yield the rows, some at a time.

        Raises:
            DataError: The content is not what the format says, or not what the columns hold.
            Outage: The file cannot be read just now.
        """
        start = 0
        batches = self._batches()
        while (batch := self._next(batches)) is not None:
            table = pa.Table.from_batches([batch])
            yield FileTable(self.file.name, table, FIRST_LINES.get(self.kind), start)
            start += batch.num_rows

    def _next(self, batches: Iterator[pa.RecordBatch]) -> pa.RecordBatch | None:
        with explained(self.file, self.kind):
            try:
                return next(batches, None)
            except pa.ArrowInvalid as error:
                found = _CONVERSION.match(str(error))
                if found is None:
                    raise
                raise self._another_type(found) from error

    def _another_type(self, found: re.Match[str]) -> DataError:
        name, value = self.schema.names[int(found[1])], found[3].removeprefix("invalid value ")
        begin = _WORDS.get(found[2], found[2])
        return DataError(
            f"{self.file.name}: column {name!r} holds {value}, but {begin} at its begin; read by"
            " batches a column is what its first values are: correct that, or list the columns to"
            " use in spec.training.data.features"
        )

    def _batches(self) -> Iterator[pa.RecordBatch]:
        with explained(self.file, self.kind):
            match self.kind:
                case DataFormat.CSV:
                    types = dict(zip(self.schema.names, self.schema.types, strict=True))
                    return iter(open_csv(self.file, delimiter_of(self.file, self.data), types))
                case DataFormat.JSON_LINES:
                    return iter(open_json_lines(self.file, self.schema))
                case DataFormat.PARQUET:
                    return self._parquet_batches()

    def _parquet_batches(self) -> Iterator[pa.RecordBatch]:
        from pyarrow.parquet import ParquetFile

        parquet = ParquetFile(self.file.open())
        return iter(parquet.iter_batches(batch_size=_PARQUET_ROWS, columns=self.schema.names))


def open_files(files: tuple[DataFile, ...], data: DataSpec) -> tuple[OpenFile, ...]:
    """Return the files with what their columns hold.

    Raises:
        DataError: A file is empty or not of its format.
        SpecError: The format of one is unknown.
        Outage: One cannot be read just now.
    """
    first = _open(files[0], data)
    others = (_open(file, data) for file in files[1:])
    return (first, *(_as_in(first, other) for other in others))


def _as_in(first: OpenFile, other: OpenFile) -> OpenFile:
    """Return a file whose columns hold what they do in the first one; Parquet says it itself."""
    if other.kind is DataFormat.PARQUET:
        return other
    known = dict(zip(first.schema.names, first.schema.types, strict=True))
    schema = pa.schema([(name, known.get(name, kind)) for name, kind in _fields(other.schema)])
    return OpenFile(other.file, other.data, other.kind, schema)


def _open(file: DataFile, data: DataSpec) -> OpenFile:
    kind = format_of(file, data)
    with explained(file, kind):
        schema = _schema(file, data, kind)
        schema.names  # noqa: B018 - decodes the names, which pyarrow does not until asked
    return OpenFile(file, data, kind, schema)


def _schema(file: DataFile, data: DataSpec, kind: DataFormat) -> pa.Schema:
    match kind:
        case DataFormat.CSV:
            return _widened(open_csv(file, delimiter_of(file, data)).schema)
        case DataFormat.JSON_LINES:
            return _widened(open_json_lines(file).schema)
        case DataFormat.PARQUET:
            from pyarrow.parquet import ParquetFile

            schema = ParquetFile(file.open()).schema_arrow
            wanted = wanted_columns(schema.names, data)
            return schema if wanted is None else pa.schema([schema.field(n) for n in wanted])


def _widened(schema: pa.Schema) -> pa.Schema:
    """Return types that later values suit too: whole numbers, and none, may be numbers later."""
    return pa.schema([(name, _wide(kind)) for name, kind in _fields(schema)])


def _wide(kind: pa.DataType) -> pa.DataType:
    return pa.float64() if pa.types.is_integer(kind) or pa.types.is_null(kind) else kind


def _fields(schema: pa.Schema) -> Iterator[tuple[str, pa.DataType]]:
    return zip(schema.names, schema.types, strict=True)
