"""Reads all rows that the spec names, from one file or many."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property

import pyarrow as pa

from perennial_core.resource import DataSpec
from perennial_core.settings import TrainerSettings
from perennial_trainer.data.data_file import DataFile
from perennial_trainer.data.formats import FileTable, format_by_suffix, read_file
from perennial_trainer.data.local_files import local_files
from perennial_trainer.data.sample import parse_sample
from perennial_trainer.data.web_file import web_file
from perennial_trainer.failure import DataError

_NAMES_SHOWN = 20
_DELIMITER = re.compile("[,;|\t]")


@dataclass(frozen=True)
class Rows:
    """The rows of all files, in order, with the wanted columns."""

    files: tuple[FileTable, ...]
    features: tuple[str, ...]
    target: str

    @cached_property
    def count(self) -> int:
        return sum(file.table.num_rows for file in self.files)

    @property
    def name(self) -> str:
        """What to call the data in messages about all of it."""
        if len(self.files) == 1:
            return self.files[0].name
        return f"{self.files[0].name} and {len(self.files) - 1} more"

    def chunks(self, column: str) -> Iterator[pa.Array]:
        """Yield the values of a column, piece by piece."""
        for file in self.files:
            yield from file.table.column(column).chunks

    def types(self, column: str) -> list[tuple[str, pa.DataType]]:
        """Return the type that a column has in each file, by the file's name."""
        return [(file.name, file.table.schema.field(column).type) for file in self.files]

    def without_values(self) -> Rows:
        """Return rows that still know their places, and need no memory."""
        files = (replace(file, table=file.table.select([])) for file in self.files)
        return Rows(tuple(files), (), self.target)

    def place(self, row: int) -> str:
        """Return file and line of a row, for messages."""
        for file in self.files:
            if row < file.table.num_rows:
                return file.place(row)
            row -= file.table.num_rows
        raise IndexError("row")


def read_rows(data: DataSpec, settings: TrainerSettings) -> Rows:
    """Read the training data.

    Raises:
        DataError: Files or columns are missing or damaged; the text names them.
        SpecError: The spec asks for what there is not, such as an unknown generator.
        Outage: A server or disk does not answer.
    """
    files = _tables(data, settings)
    features = _features(files[0], data)
    wanted = [*features, data.target]
    for file in files:
        _check_header(file, wanted)
        if data.features is None:
            _check_same_columns(files[0], file)
    selected = tuple(
        FileTable(file.name, file.table.select(wanted), file.first_line) for file in files
    )
    rows = Rows(selected, features, data.target)
    if rows.count == 0:
        raise DataError(f"{rows.name}: there are no rows below the header")
    return rows


def _tables(data: DataSpec, settings: TrainerSettings) -> list[FileTable]:
    if data.uri.startswith("sample://"):
        return [FileTable(data.uri, parse_sample(data.uri).table())]
    return [read_file(file, data) for file in _files(data, settings)]


def _files(data: DataSpec, settings: TrainerSettings) -> tuple[DataFile, ...]:
    if data.uri.startswith("file:"):
        return local_files(
            data.uri,
            settings.data_directory,
            lambda name: data.format is not None or format_by_suffix(name) is not None,
        )
    return (web_file(data.uri, settings.credentials_directory),)


def _features(first: FileTable, data: DataSpec) -> tuple[str, ...]:
    if data.features is not None:
        return tuple(data.features)
    features = tuple(name for name in first.table.column_names if name != data.target)
    if not features:
        raise DataError(f"{first.name}: there is no column beside the target {data.target!r}")
    return features


def _check_header(file: FileTable, wanted: list[str]) -> None:
    names = file.table.column_names
    for name in wanted:
        if not name:
            position = names.index(name) + 1
            raise DataError(
                f"{file.name}: column {position} has no name; give it one, or list the columns to"
                " use in spec.training.data.features"
            )
        if name not in names:
            raise DataError(
                f"{file.name}: there is no column {name!r}, which {_field(name, wanted)} names;"
                f" {_columns_there_are(name, names)}"
            )
        if names.count(name) > 1:
            raise DataError(f"{file.name}: the header names column {name!r} twice; rename one")


def _field(name: str, wanted: list[str]) -> str:
    return f"spec.training.data.{'target' if name == wanted[-1] else 'features'}"


def _columns_there_are(name: str, names: list[str]) -> str:
    close = get_close_matches(name, names, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    if len(names) == 1 and (found := _DELIMITER.search(names[0])):
        hint = f" (if {found[0]!r} separates columns, set spec.training.data.delimiter to it)"
    more = ", ..." if len(names) > _NAMES_SHOWN else ""
    return f"there are: {', '.join(map(repr, names[:_NAMES_SHOWN]))}{more}{hint}"


def _check_same_columns(first: FileTable, file: FileTable) -> None:
    extra = sorted(set(file.table.column_names) - set(first.table.column_names))
    if extra:
        raise DataError(
            f"{file.name}: has the columns {', '.join(map(repr, extra))}, which {first.name} does"
            " not have; give all files the same columns, or list those to use in"
            " spec.training.data.features"
        )
