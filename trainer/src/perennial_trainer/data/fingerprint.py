"""Tells by their content whether the rows are the same as those of an earlier run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
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
