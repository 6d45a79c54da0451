"""The first pass over the data: all that has to be known of all rows before one is trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from perennial_core.errors import Outage
from perennial_core.manifest import Column, ColumnType, Task
from perennial_core.resource import DataSpec, Holdout, HoldoutStrategy
from perennial_trainer.data.columns import Array, Kind
from perennial_trainer.data.dataset import Dataset, column_type, no_values
from perennial_trainer.data.fingerprint import RunningFingerprint
from perennial_trainer.data.holdout import Division, Part, held_rows
from perennial_trainer.data.target import Target, refuse_single_class
from perennial_trainer.estimator.preprocessing import MOST_CATEGORIES
from perennial_trainer.failure import DataError
from perennial_trainer.streaming.batches import Batches
from perennial_trainer.streaming.drawn import Drawn
from perennial_trainer.streaming.running_checks import RunningChecks

_SAMPLE_ROWS = 100_000
_MOST_CLASSES = 10_000
_LABEL_TYPES = {Kind.TEXT: ColumnType.STRING, Kind.BOOL: ColumnType.BOOL}


@dataclass(frozen=True)
class Survey:
    """What was found out about all rows."""

    batches: Batches
    holdout: Holdout
    task: Task
    count: int
    inputs: tuple[Column, ...]
    target: Column
    classes: Array | None
    """A classifier's labels, in ascending order."""
    texts: Mapping[str, list[str]]
    """The different texts of each column of texts; of many only more than can be categories."""
    fingerprint: str
    division: Division
    """The holdout, and beside it a sample of the rows to train on."""
    bound: float
    """Rows whose keys are no greater are held out; with strategy Last, all from this number on."""

    @property
    def training_rows(self) -> int:
        return self.count - len(self.division.holdout)

    def sample(self) -> Dataset:
        """Return the sample of the training rows."""
        part = self.division.training
        source = self.batches.header.without_values()
        return Dataset(source, self.inputs, part.features, Target(self.target, part.target))

    def training_batches(self) -> Iterator[Part]:
        """Yield the rows to train on, a batch at a time.

        Raises:
            DataError: A file holds other values by now, which cannot be used.
            Outage: One cannot be read just now, or holds another number of rows by now.
        """
        random, seen = np.random.default_rng(self.holdout.seed), 0
        for rows in self.batches.rows():
            dataset = self.batches.dataset(rows, self.task)
            numbers, keys = np.arange(seen, seen + dataset.count), random.random(dataset.count)
            seen += dataset.count
            kept = np.flatnonzero(~self._is_held(numbers, keys))
            if kept.size:
                yield Part(dataset.features.iloc[kept], dataset.target.values[kept])
        if seen != self.count:
            raise Outage(
                f"{self.batches.name}: the files changed while they were read: first there were"
                f" {self.count} rows, then {seen}"
            )

    def _is_held(self, numbers: Array, keys: Array) -> Array:
        by_number = self.holdout.strategy is HoldoutStrategy.LAST
        held: Array = numbers >= self.bound if by_number else keys <= self.bound
        return held


def survey(batches: Batches, data: DataSpec, task: Task) -> Survey:
    """Go through all rows once.

    Raises:
        DataError: The rows do not pass the checks, cannot be used or do not suffice.
        Outage: A file cannot be read just now.
    """
    found = _Found(batches, data, task)
    for rows in batches.rows():
        found.checks.add(rows)
        found.see(batches.dataset(rows, task))
    return found.end()


class _Found:
    """What the batches so far have shown; it does not grow with their number."""

    def __init__(self, batches: Batches, data: DataSpec, task: Task) -> None:
        self.checks = RunningChecks(data.checks)
        self._batches, self._holdout, self._task = batches, data.holdout, task
        self._random = np.random.default_rng(data.holdout.seed)
        self._fingerprint = RunningFingerprint()
        self._held = Drawn(batches.most_rows)
        self._sample = Drawn(min(batches.most_rows, _SAMPLE_ROWS))
        self._count = 0
        self._present = dict.fromkeys(batches.kinds, 0)
        self._texts: dict[str, set[str]] = {
            name: set() for name, kind in batches.kinds.items() if kind is Kind.TEXT
        }
        self._classes: set[Any] = set()

    def see(self, batch: Dataset) -> None:
        """Take over a batch, the next one in the order of the rows."""
        self._fingerprint.add(batch)
        self._draw(batch)
        self._count += batch.count
        for name in self._present:
            self._present[name] += int(batch.features[name].notna().sum())
        for name, known in self._texts.items():
            if len(known) <= MOST_CATEGORIES:
                known.update(batch.features[name].dropna().unique())
        if self._task is Task.CLASSIFICATION:
            self._see_classes(pd.unique(batch.target.values))

    def _draw(self, batch: Dataset) -> None:
        numbers = np.arange(self._count, self._count + batch.count)
        keys = self._random.random(batch.count)
        by_number = self._holdout.strategy is HoldoutStrategy.LAST
        rows = (numbers, batch.features, batch.target.values)
        self._held.add(-numbers.astype(np.float64) if by_number else keys, *rows)
        self._sample.add(-keys, *rows)

    def _see_classes(self, labels: Array) -> None:
        self._classes.update(labels.tolist())
        if len(self._classes) > _MOST_CLASSES:
            name, column = self._batches.name, self._batches.header.target
            raise DataError(
                f"{name}: the target column {column!r} holds more than {_MOST_CLASSES} classes"
            )

    def end(self) -> Survey:
        """Return what was found, when all batches were seen."""
        name = self._batches.name
        if self._count == 0:
            raise DataError(f"{name}: there are no rows below the header")
        self.checks.end(name)
        target, inputs = self._target(), self._inputs()
        held = min(held_rows(name, self._count, self._holdout), self._batches.most_rows)
        bound, division = self._divided(held)
        return Survey(
            batches=self._batches,
            holdout=self._holdout,
            task=self._task,
            count=self._count,
            inputs=inputs,
            target=target,
            classes=np.array(sorted(self._classes)) if self._classes else None,
            texts={column: sorted(known) for column, known in self._texts.items()},
            fingerprint=self._fingerprint.end((*inputs, target), self._count),
            division=division,
            bound=bound,
        )

    def _target(self) -> Column:
        batches, kind = self._batches, self._batches.target_kind
        column = batches.header.target
        if self._task is Task.REGRESSION:
            return Column(name=column, type=ColumnType.FLOAT64)
        refuse_single_class(batches.name, column, list(self._classes))
        return Column(name=column, type=_LABEL_TYPES.get(kind, ColumnType.INT64))

    def _inputs(self) -> tuple[Column, ...]:
        for name, present in self._present.items():
            if present == 0:
                raise no_values(self._batches.name, name)
        return tuple(
            Column(name=name, type=column_type(kind), nullable=self._present[name] < self._count)
            for name, kind in self._batches.kinds.items()
        )

    def _divided(self, held: int) -> tuple[float, Division]:
        """Return from where rows are held out, the holdout, and a sample of the others."""
        if self._holdout.strategy is HoldoutStrategy.LAST:
            first = self._count - held
            holdout = self._held.part(key_until=-float(first))
            return first, Division(self._sample.part(number_until=first - 1), holdout)
        bound = self._held.greatest_key(held)
        # what is held out has the least keys, what is in the sample the greatest
        sample = self._sample.part(key_until=-np.nextafter(bound, 1))
        return bound, Division(sample, self._held.part(key_until=bound))
