"""Divides the rows into those to train on and those to measure on."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

import numpy as np
import pandas as pd

from perennial_core.manifest import Task
from perennial_core.resource import Holdout, HoldoutStrategy
from perennial_trainer.data.columns import Array
from perennial_trainer.data.dataset import Dataset
from perennial_trainer.failure import DataError

_FEWEST_ROWS = 2
"""With one row neither a fit nor r2 means anything."""


@dataclass(frozen=True)
class Part:
    """Some of the rows."""

    features: pd.DataFrame
    target: Array

    def __len__(self) -> int:
        return len(self.target)


@dataclass(frozen=True)
class Division:
    """Rows to train on and rows to measure on."""

    training: Part
    holdout: Part


def divide(dataset: Dataset, holdout: Holdout, task: Task) -> Division:
    """Divide the rows.

    Raises:
        DataError: There are too few rows for the fraction.
    """
    held = held_rows(dataset.name, dataset.count, holdout)
    if holdout.strategy is HoldoutStrategy.LAST:
        cut = dataset.count - held
        return _by(dataset, slice(None, cut), slice(cut, None))
    return _by(dataset, *_drawn(dataset, held, holdout.seed, task))


def held_rows(data: str, rows: int, holdout: Holdout) -> int:
    """Return how many rows are kept from training.

    Raises:
        DataError: There are too few rows for the fraction.
    """
    held = int((rows * Decimal(holdout.fraction)).to_integral_value(ROUND_CEILING))
    if held < _FEWEST_ROWS or rows - held < _FEWEST_ROWS:
        raise DataError(
            f"{data}: {rows} {'row is' if rows == 1 else 'rows are'} too few;"
            f" spec.training.data.holdout.fraction {holdout.fraction} leaves {rows - held} for"
            f" training and {held} to measure on, and each needs {_FEWEST_ROWS} or more"
        )
    return held


def check_trainable(dataset: Dataset, division: Division, task: Task) -> None:
    """Refuse rows on which no model can be trained.

    Raises:
        DataError: There is only one class to train on.
    """
    if task is Task.CLASSIFICATION and len(pd.unique(division.training.target)) == 1:
        held = len(division.holdout)
        raise DataError(
            f"{dataset.name}: all but the {held} rows of the holdout are of one class; a classifier"
            " needs two or more to train on (spec.training.data.holdout)"
        )


def _drawn(dataset: Dataset, held: int, seed: int, task: Task) -> tuple[Array, Array]:
    """Return which rows are kept, and which are held: those with the least of random keys.

    A row has the same key however many follow it. So where data grows at its end, rows that a
    version was trained on hardly ever get into the holdout on which it is measured beside the next.
    """
    keys = np.random.default_rng(seed).random(dataset.count)
    target = dataset.target.values
    if task is Task.CLASSIFICATION and _can_stratify(target, held):
        keys = _ranks_within_classes(keys, target)
    is_held = np.zeros(dataset.count, dtype=bool)
    is_held[np.argpartition(keys, held - 1)[:held]] = True
    # In the order of the data: to gather rows from all over takes several times as long.
    return np.flatnonzero(~is_held), np.flatnonzero(is_held)


def _ranks_within_classes(keys: Array, target: Array) -> Array:
    """Return each key's rank among those of its class, between 0 and 1: shape (n,)."""
    by_class = pd.Series(keys).groupby(pd.factorize(target)[0])
    ranks = (by_class.rank(method="first") - 0.5) / by_class.transform("size")
    return np.asarray(ranks + 1e-9 * keys)  # ranks of classes of one size are the same


def _can_stratify(target: Array, held: int) -> bool:
    """Return whether every class has a row for either part."""
    counts = pd.Series(target).value_counts()
    return bool(counts.min() >= 2 and len(counts) <= min(held, len(target) - held))


def _by(dataset: Dataset, training: Array | slice, held: Array | slice) -> Division:
    return Division(_part(dataset, training), _part(dataset, held))


def _part(dataset: Dataset, rows: Array | slice) -> Part:
    return Part(dataset.features.iloc[rows], dataset.target.values[rows])
