"""Tells by their content whether the rows are the same as those of an earlier run."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from perennial_core.manifest import Column
from perennial_trainer.data.columns import Array
from perennial_trainer.data.dataset import Dataset

_MISSING = -1


def fingerprint(dataset: Dataset) -> str:
    """Return a hash of names, types and values of all columns, in the order of the rows.

    It does not depend on when the files were written, how they are named, formatted or divided.
    """
    digest = hashlib.sha256()
    for column in dataset.inputs:
        _add(digest, column, dataset.features[column.name].to_numpy())
    _add(digest, dataset.target.column, dataset.target.values)
    return digest.hexdigest()[:32]


class RunningFingerprint:
    """The fingerprint of rows that come in batches of one size, but for the last.

    It is another than that of the same rows all at once, for these are gone through by columns.
    """

    def __init__(self) -> None:
        self._digests: dict[str, Any] = defaultdict(hashlib.sha256)

    def add(self, batch: Dataset) -> None:
        """See a batch."""
        for column in batch.inputs:
            self._update(column.name, batch.features[column.name].to_numpy())
        self._update(batch.target.column.name, batch.target.values)

    def _update(self, name: str, values: Array) -> None:
        for content in _content(values):
            self._digests[name].update(content)

    def end(self, columns: Sequence[Column], rows: int) -> str:
        """Return the hash of all rows, given their columns, features and target."""
        digest = hashlib.sha256()
        for column in columns:
            digest.update(f"{len(column.name)} {column.name} {column.type} {rows} ".encode())
            digest.update(self._digests[column.name].digest())
        return str(digest.hexdigest()[:32])


def _add(digest: Any, column: Column, values: Array) -> None:
    digest.update(f"{len(column.name)} {column.name} {column.type} {len(values)} ".encode())
    for content in _content(values):
        digest.update(content)


def _content(values: Array) -> Iterator[bytes | Array]:
    """Yield bytes that are the same only for the same values."""
    if values.dtype != object:
        yield np.ascontiguousarray(values)
        return
    texts = [value if isinstance(value, str) else None for value in values]
    yield np.array([_MISSING if text is None else len(text) for text in texts])
    yield "".join(filter(None, texts)).encode()
