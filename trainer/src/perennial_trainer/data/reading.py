"""Reads all rows that the spec names, from one file or many."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from perennial_core.resource import DataSpec
from perennial_core.settings import TrainerSettings
from perennial_trainer.data.checks import check_rows
from perennial_trainer.data.data_file import DataFile
from perennial_trainer.data.formats import FileTable, format_by_suffix, read_file
from perennial_trainer.data.local_files import local_files
from perennial_trainer.data.rows import Rows, columns_there_are
from perennial_trainer.data.sample import parse_sample
from perennial_trainer.data.web_file import web_file
from perennial_trainer.failure import DataError


def read_rows(data: DataSpec, settings: TrainerSettings) -> Rows:
    """Read the training data, and hold it against the spec's checks.

    Raises:
        DataError: Files or columns are missing or damaged, or do not pass; the text names them.
        SpecError: The spec asks for what there is not, such as an unknown generator.
        Outage: A server or disk does not answer.
    """
    files = _tables(data, settings)
    features = wanted_features(files[0], data)
    check_headers(files, features, data)
    rows = Rows(tuple(files), features, data.target)
    if rows.count == 0:
        raise DataError(f"{rows.name}: there are no rows below the header")
    check_rows(rows, data.checks)
    pa.default_memory_pool().release_unused()  # what parsing took, three times the rows themselves
    return rows.with_wanted_columns()


def _tables(data: DataSpec, settings: TrainerSettings) -> list[FileTable]:
    if data.uri.startswith("sample://"):
        return [FileTable(data.uri, parse_sample(data.uri).table())]
    return [read_file(file, data) for file in files_of(data, settings)]


def files_of(data: DataSpec, settings: TrainerSettings) -> tuple[DataFile, ...]:
    """Return the files that the spec names; raises as ``read_rows`` does."""
    if data.uri.startswith("file:"):
        return local_files(
            data.uri,
            settings.data_directory,
            lambda name: data.format is not None or format_by_suffix(name) is not None,
        )
    return (web_file(data.uri, settings.credentials_directory),)


def wanted_features(first: FileTable, data: DataSpec) -> tuple[str, ...]:
    """Return the columns to predict from; raises DataError where there is none."""
    if data.features is not None:
        return tuple(data.features)
    features = tuple(name for name in first.table.column_names if name != data.target)
    if not features:
        raise DataError(f"{first.name}: there is no column beside the target {data.target!r}")
    return features


def check_headers(files: Sequence[FileTable], features: Sequence[str], data: DataSpec) -> None:
    """Refuse files that lack a column, or have one twice, or other columns than the first file.

    Raises:
        DataError: The text names file and column.
    """
    for file in files:
        _check_column(file, data.target, "target")  # first: of a file without a header most are off
        for name in features:
            _check_column(file, name, "features")
        if data.features is None:
            _check_same_columns(files[0], file)


def _check_column(file: FileTable, name: str, field: str) -> None:
    names = file.table.column_names
    if not name:
        raise DataError(
            f"{file.name}: column {names.index(name) + 1} has no name; give it one, or list the"
            " columns to use in spec.training.data.features"
        )
    if name not in names:
        raise DataError(
            f"{file.name}: there is no column {name!r}, which spec.training.data.{field} names;"
            f" {columns_there_are(name, names)}"
        )
    if names.count(name) > 1:
        raise DataError(f"{file.name}: the header names column {name!r} twice; rename one")


def _check_same_columns(first: FileTable, file: FileTable) -> None:
    extra = sorted(set(file.table.column_names) - set(first.table.column_names))
    if extra:
        raise DataError(
            f"{file.name}: has the columns {', '.join(map(repr, extra))}, which {first.name} does"
            " not have; give all files the same columns, or list those to use in"
            " spec.training.data.features"
        )
