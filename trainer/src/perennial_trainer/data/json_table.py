"""Reads JSON lines by pyarrow: one object a line."""

from __future__ import annotations

import re

import pyarrow as pa
from pyarrow import json

from perennial_core.errors import brief
from perennial_trainer.data.data_file import DataFile
from perennial_trainer.failure import DataError

_ROW = re.compile(r"JSON parse error: (.*?) in row (\d+)", re.DOTALL)
_BLOCK_BYTES = 16 * 1024 * 1024
_LARGEST_BLOCK_BYTES = 2**31 - 1


def read_json_lines(file: DataFile) -> pa.Table:
    """Read a file of JSON objects, one a line; a key that a line does not have is missing there.

    Raises:
        DataError: The file is empty, a line is no object or a column changes its type.
    """
    try:
        return json.read_json(file.open_text(), json.ReadOptions(block_size=_BLOCK_BYTES))
    except pa.ArrowInvalid as error:
        raise _explained(file, error) from error


def open_json_lines(file: DataFile, types: pa.Schema | None = None) -> json.JSONStreamingReader:
    """Open a file to be read piece by piece.

    Args:
        file: Of JSON objects, one a line.
        types: Of the columns, and no other is read; by default as the first lines have them.

    Raises:
        DataError: The file is empty, or begins with something else.
    """
    options = json.ParseOptions(
        explicit_schema=types, unexpected_field_behavior="infer" if types is None else "ignore"
    )
    try:
        return json.open_json(file.open_text(), json.ReadOptions(block_size=_BLOCK_BYTES), options)
    except pa.ArrowInvalid as error:
        raise _explained(file, error) from error


def _explained(file: DataFile, error: pa.ArrowInvalid) -> DataError:
    if "Empty JSON file" in str(error):
        return DataError(f"{file.name}: the file is empty")
    if "Column() changed" in str(error):
        return DataError(f"{file.name}: expected one JSON object a line, not a list")
    found = _ROW.match(_error_in_one_block(file) or str(error))
    if found is None:
        return DataError(f"{file.name}: cannot be read as JSON lines: {brief(error)}")
    return DataError(f"{file.name}, line {int(found[2]) + 1}: {brief(ValueError(found[1]))}")


def _error_in_one_block(file: DataFile) -> str | None:
    """Read all as one block: pyarrow counts rows from the block's begin."""
    content = file.open_text().read()
    size = min(max(len(content) + 1, _BLOCK_BYTES), _LARGEST_BLOCK_BYTES)
    try:
        json.read_json(pa.BufferReader(content), json.ReadOptions(block_size=size))
    except pa.ArrowInvalid as error:
        return str(error)
    return None
