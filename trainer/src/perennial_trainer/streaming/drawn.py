"""Draws rows of which nobody knows yet how many there are."""

from __future__ import annotations

import numpy as np
import pandas as pd

from perennial_trainer.data.columns import Array
from perennial_trainer.data.holdout import Part


class Drawn:
    """The rows with the least keys of all that were seen, in their order.

    With keys drawn at random they are a random sample (J. Vitter, Random sampling with a reservoir,
    1985, calls it selection by random keys); with others the first or the last rows.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._keys: Array = np.empty(0)
        self._numbers: Array = np.empty(0, dtype=np.int64)
        self._features: pd.DataFrame | None = None
        self._target: Array | None = None

    def add(self, keys: Array, numbers: Array, features: pd.DataFrame, target: Array) -> None:
        """See a batch of n rows.

        Args:
            keys: Shape (n,), no two of all rows the same.
            numbers: Of the rows, shape (n,), in ascending order from batch to batch.
            features: Of the rows.
            target: Of the rows, shape (n,).
        """
        rows = np.flatnonzero(keys < self._bound())
        if not rows.size:
            return
        keys = np.concatenate([self._keys, keys[rows]])
        kept = np.sort(np.argsort(keys)[: self._most])
        self._keys = keys[kept]
        self._numbers = np.concatenate([self._numbers, numbers[rows]])[kept]
        drawn, values = features.iloc[rows], target[rows]
        if self._features is not None and self._target is not None:
            drawn = pd.concat([self._features, drawn], ignore_index=True)
            values = np.concatenate([self._target, values])
        self._features, self._target = drawn.iloc[kept], values[kept]

    def greatest_key(self, count: int) -> float:
        """Return the greatest of the least ``count`` keys."""
        return float(np.partition(self._keys, count - 1)[count - 1])

    def part(self, *, key_until: float = np.inf, number_until: float = np.inf) -> Part:
        """Return the rows whose keys and numbers are no greater."""
        assert self._features is not None
        assert self._target is not None
        rows = np.flatnonzero((self._keys <= key_until) & (self._numbers <= number_until))
        return Part(self._features.iloc[rows].reset_index(drop=True), self._target[rows])

    def _bound(self) -> float:
        return float(self._keys.max()) if len(self._keys) >= self._most else np.inf
