"""Reads CSV by pyarrow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import chain

import pyarrow as pa
from pyarrow import csv

from perennial_core.errors import brief
from perennial_trainer.data.data_file import DataFile
from perennial_trainer.failure import DataError

_SCAN_BYTES = 256 * 1024
_BLOCK_BYTES = 4 * 1024 * 1024
"""What a thread parses at a time. By pyarrow's own 1 MiB reading takes a tenth more CPU."""
_ROW = re.compile(r"CSV parse error: Row #(\d+): (.*)", re.DOTALL)


def read_csv(file: DataFile, delimiter: str) -> pa.Table:
    """Read a file with a header line.

    Missing values are empty cells and what pandas takes for missing too (NA, null, NaN, ...).

    Raises:
        DataError: The file is empty or a line has another number of columns than the header.
    """
    try:
        return _parse(file, delimiter, use_threads=True, breaks=_may_break_values(file))
    except pa.ArrowInvalid:
        return _parse_naming_lines(file, delimiter)


def open_csv(
    file: DataFile, delimiter: str, types: Mapping[str, pa.DataType] | None = None
) -> csv.CSVStreamingReader:
    """Open a file to be read piece by piece.

    Args:
        file: With a header line.
        delimiter: Of its columns.
        types: Of the columns; those that are not named have the type of their first values.

    Raises:
        DataError: The file is empty.
    """
    try:
        return csv.open_csv(
            file.open_text(),
            parse_options=_parse_options(delimiter),
            convert_options=_convert_options(types),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV file" in str(error):
            raise DataError(f"{file.name}: the file is empty") from error
        raise


def _parse_options(delimiter: str, *, breaks: bool = True) -> csv.ParseOptions:
    return csv.ParseOptions(delimiter=delimiter, newlines_in_values=breaks)


def _convert_options(types: Mapping[str, pa.DataType] | None = None) -> csv.ConvertOptions:
    return csv.ConvertOptions(strings_can_be_null=True, column_types=types)


def _may_break_values(file: DataFile) -> bool:
    """Return whether a line break may stand within a value, which is quoted then.

    What is compressed is not looked through: to unpack it twice would take longer than is gained.
    """
    stream = file.open_text()
    if isinstance(stream, pa.CompressedInputStream):
        return True
    header, line_break, rest = stream.read(_SCAN_BYTES).partition(b"\n")
    pieces = chain([rest], iter(lambda: stream.read(_SCAN_BYTES), b""))
    if not line_break or header.count(b'"') % 2:
        return True
    return any(b'"' in piece for piece in pieces)


def _parse(file: DataFile, delimiter: str, *, use_threads: bool, breaks: bool = True) -> pa.Table:
    """Parse a file; without breaks in values threads can share it out at any line break."""
    return csv.read_csv(
        file.open_text(),
        read_options=csv.ReadOptions(use_threads=use_threads, block_size=_BLOCK_BYTES),
        parse_options=_parse_options(delimiter, breaks=breaks),
        convert_options=_convert_options(),
    )


def _parse_naming_lines(file: DataFile, delimiter: str) -> pa.Table:
    """Parse by one thread, for only then pyarrow knows the number of the line at fault."""
    try:
        return _parse(file, delimiter, use_threads=False)
    except pa.ArrowInvalid as error:
        if "Empty CSV file" in str(error):
            raise DataError(f"{file.name}: the file is empty") from error
        found = _ROW.match(str(error))
        if found is None:
            raise
        problem = brief(ValueError(found[2]))
        raise DataError(f"{file.name}, line {found[1]}: {problem}{_hint(problem)}") from error


def _hint(problem: str) -> str:
    """Return what may be wrong with a file that has a single column, but not in all lines."""
    if not problem.startswith("Expected 1 columns"):
        return ""
    return "; if ; or another character separates columns, set spec.training.data.delimiter to it"
