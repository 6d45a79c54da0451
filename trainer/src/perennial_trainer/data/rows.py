"""The rows of all files, as they were read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property

import pyarrow as pa

from perennial_trainer.data.formats import FileTable

_NAMES_SHOWN = 20
_DELIMITER = re.compile("[,;|\t]")
_NUMBER = re.compile(r"[-+]?\d*\.?\d+([eE][-+]?\d+)?")


@dataclass(frozen=True)
class Rows:
    """The rows of all files, in order."""

    files: tuple[FileTable, ...]
    features: tuple[str, ...]
    target: str
    is_all: bool = True
    """False for some of the rows, of which less is asked: they need not hold a value of each
    column."""

    @cached_property
    def count(self) -> int:
        return sum(file.table.num_rows for file in self.files)

    @property
    def name(self) -> str:
        """What to call the data in messages about all of it."""
        if len(self.files) == 1:
            return self.files[0].name
        return f"{self.files[0].name} and {len(self.files) - 1} more"

    @property
    def extent(self) -> str:
        """Say where counted rows were counted."""
        return "in all" if self.is_all else "in its batch"

    def columns(self, name: str) -> Iterator[pa.ChunkedArray]:
        """Yield the values of a column, file by file."""
        for file in self.files:
            yield file.table.column(name)

    def chunks(self, column: str) -> Iterator[pa.Array]:
        """Yield the values of a column, piece by piece."""
        for values in self.columns(column):
            yield from values.chunks

    def types(self, column: str) -> list[tuple[str, pa.DataType]]:
        """Return the type that a column has in each file, by the file's name."""
        return [(file.name, file.table.schema.field(column).type) for file in self.files]

    def with_wanted_columns(self) -> Rows:
        """Return rows that have features and target alone."""
        wanted = [*self.features, self.target]
        files = (replace(file, table=file.table.select(wanted)) for file in self.files)
        return replace(self, files=tuple(files))

    def without_values(self) -> Rows:
        """Return rows that still know their places, and need no memory."""
        files = (replace(file, table=file.table.select([])) for file in self.files)
        return Rows(tuple(files), (), self.target, self.is_all)

    def place(self, row: int) -> str:
        """Return file and line of a row, for messages."""
        for file in self.files:
            if row < file.table.num_rows:
                return file.place(row)
            row -= file.table.num_rows
        raise IndexError("row")


def columns_there_are(name: str, names: list[str]) -> str:
    """Return the names in a header, for messages, with what may have been meant."""
    hint = _hint(name, names)
    return f"there are: {shown(names)}{hint and f' ({hint})'}"


def _hint(name: str, names: list[str]) -> str:
    if len(names) == 1 and (delimiter := _delimiter(name, names[0])):
        written = json.dumps(delimiter)  # as YAML takes it, to which a tab in ' is two characters
        return f"if {written} separates columns, set spec.training.data.delimiter to it"
    if names and all(_NUMBER.fullmatch(other.strip()) for other in names):
        return "if these are values, the file has no header line: add one"
    plain = [other for other in names if other.strip().casefold() == name.strip().casefold()]
    close = plain or get_close_matches(name, names, n=1)
    return f"did you mean {close[0]!r}?" if close else ""


def _delimiter(name: str, header: str) -> str | None:
    """Return what seems to separate the columns of a header; spaces do stand in names."""
    found = _DELIMITER.search(header)
    if found is not None:
        return found[0]
    return " " if name in header.split() else None


def shown(names: Sequence[str]) -> str:
    """Return names of columns, for messages; of many the first."""
    more = ", ..." if len(names) > _NAMES_SHOWN else ""
    return f"{', '.join(map(repr, names[:_NAMES_SHOWN]))}{more}"
