"""Measures how far the distribution of each feature moved, by the population stability index.

Of many rows some are drawn: a share of 0.1 is known to 0.001 by 100,000 of them, which adds less
than 0.001 to an index.

The index is the sum over bins of (a - e) * ln(a / e), where e and a are the shares of the rows in a
bin before and now (N. Siddiqi, Credit Risk Scorecards, 2006). It is 0 for the same shares. Each
feature is counted once, for its own profile as well as for the index against an earlier one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from perennial_core.identity import Version
from perennial_core.manifest import Column, ColumnProfile, ColumnType, Drift, ManifestBody
from perennial_trainer.data.columns import Array

_BINS = 10
_VALUES = 20
_MOST_ROWS = 100_000
_LONGEST_VALUE = 200
"""In characters. Longer texts are counted among the others: manifests should stay small."""
_LEAST_SHARE = 0.0001
"""Taken for smaller shares, for the index of an empty bin would be infinite."""
_DIGITS = 6
"""Of a share; far below the least one that counts."""


class Distribution(ABC):
    """How the values of a feature are distributed."""

    @abstractmethod
    def profile(self) -> ColumnProfile:
        """Return bins and shares, to compare later values with."""

    @abstractmethod
    def shares(self, profile: ColumnProfile) -> Array:
        """Return this feature's shares of the bins of another profile of the same type."""


class _Numbers(Distribution):
    def __init__(self, values: Array) -> None:
        """Take values of shape (n,), float64, missing ones as NaN."""
        self._rows = len(values)
        self._present = values[~np.isnan(values)]

    def profile(self) -> ColumnProfile:
        edges = self._edges()
        return ColumnProfile(edges=edges, shares=self._shares(edges).tolist())

    def shares(self, profile: ColumnProfile) -> Array:
        return self._shares(profile.edges or [])

    def _edges(self) -> list[float]:
        """Return the values at the deciles, which belong to the bins below them.

        A value that takes more than one decile gets a bin of its own.
        """
        count = len(self._present)
        if count == 0:
            return []
        last_of_bin = np.maximum(np.arange(1, _BINS) * count // _BINS - 1, 0)
        divided = np.partition(self._present, np.unique(last_of_bin))
        deciles, times = np.unique(divided[last_of_bin], return_counts=True)
        with np.errstate(over="ignore"):
            below = np.nextafter(deciles[times > 1], -np.inf)
        edges: list[float] = np.unique([*below[np.isfinite(below)], *deciles]).tolist()
        return edges

    def _shares(self, edges: Sequence[float]) -> Array:
        until = [np.count_nonzero(self._present <= edge) for edge in edges]
        counts = np.diff([0, *until, len(self._present), self._rows])
        return np.round(counts / self._rows, _DIGITS)


class _Texts(Distribution):
    def __init__(self, values: Array) -> None:
        """Count texts of shape (n,), missing ones as NaN or None."""
        self._rows = len(values)
        present = pa.array(values, pa.large_string(), from_pandas=True).drop_null()
        self._counts = pa.Table.from_struct_array(pc.value_counts(present))

    def profile(self) -> ColumnProfile:
        values = self._most_frequent()
        return ColumnProfile(values=values, shares=self._shares(values).tolist())

    def shares(self, profile: ColumnProfile) -> Array:
        return self._shares(profile.values or [])

    def _most_frequent(self) -> list[str]:
        """Return the most frequent values, those of the same frequency by the alphabet."""
        short = pc.less_equal(pc.utf8_length(self._counts["values"]), _LONGEST_VALUE)
        counts = self._counts.filter(short)
        order = [("counts", "descending"), ("values", "ascending")]
        rows = pc.select_k_unstable(counts, min(_VALUES, len(counts)), order)
        values: list[str] = counts["values"].take(rows).to_pylist()
        return values

    def _shares(self, values: Sequence[str]) -> Array:
        wanted = pa.array(values, pa.large_string())
        known = self._counts.filter(pc.is_in(self._counts["values"], wanted))
        count_of = dict(zip(*known.to_pydict().values(), strict=True))
        present = pc.sum(self._counts["counts"]).as_py() or 0
        counts = [count_of.get(value, 0) for value in values]
        others = present - sum(counts)
        return np.round(np.array([*counts, others, self._rows - present]) / self._rows, _DIGITS)


def distributions(
    features: pd.DataFrame, inputs: Sequence[Column]
) -> dict[str, tuple[Column, Distribution]]:
    """Return how each feature is distributed.

    Args:
        features: Shape (n, features), n at least 1: numbers and bools as float64, texts as objects,
            missing values as NaN.
        inputs: The same features, and their types.
    """
    features = _drawn(features)
    return {
        column.name: (column, _distribution(features[column.name].to_numpy(), column))
        for column in inputs
    }


def _drawn(features: pd.DataFrame) -> pd.DataFrame:
    if len(features) <= _MOST_ROWS:
        return features
    rows = np.random.default_rng(0).integers(len(features), size=_MOST_ROWS)
    return features.iloc[np.sort(rows)]


def _distribution(values: Array, column: Column) -> Distribution:
    return _Texts(values) if column.type is ColumnType.STRING else _Numbers(values)


def profiles(
    found: Mapping[str, tuple[Column, Distribution]],
) -> dict[str, ColumnProfile]:
    """Return what a manifest keeps of distributions."""
    return {name: distribution.profile() for name, (_, distribution) in found.items()}


def drift_since(
    version: Version,
    manifest: ManifestBody | None,
    found: Mapping[str, tuple[Column, Distribution]],
) -> Drift:
    """Return how far features moved from what a version was trained on.

    Args:
        version: The incumbent.
        manifest: Its manifest; None where the registry has lost it.
        found: The distributions now.
    """
    if manifest is None:
        return _unknown(version, "its manifest is not in the registry")
    if not manifest.profile:
        return _unknown(version, "its manifest does not say how its training data was distributed")
    before = {column.name: column.type for column in manifest.inputs}
    indices = {
        name: stability_index(manifest.profile[name], distribution)
        for name, (column, distribution) in found.items()
        if name in manifest.profile and before.get(name) is column.type
    }
    if not indices:
        return _unknown(version, "no feature of its training data is there with the same type")
    return Drift(incumbent_version=version, features=indices)


def _unknown(version: Version, problem: str) -> Drift:
    return Drift(incumbent_version=version, problem=f"version {version}: {problem}")


def stability_index(profile: ColumnProfile, distribution: Distribution) -> float:
    """Return the population stability index: 0 for the same distribution, finite for any other."""
    expected = np.maximum(profile.shares, _LEAST_SHARE)
    actual = np.maximum(distribution.shares(profile), _LEAST_SHARE)
    return float(np.sum((actual - expected) * np.log(actual / expected)))
