"""Rows that are trained on all at once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import pyarrow as pa

from perennial_core.manifest import Task
from perennial_core.order import TrainingOrder
from perennial_core.resource import Holdout
from perennial_trainer.data.dataset import Dataset, build_dataset
from perennial_trainer.data.fingerprint import fingerprint
from perennial_trainer.data.holdout import Division, divide
from perennial_trainer.data.rows import Rows
from perennial_trainer.estimator.build import build_estimator, task_of
from perennial_trainer.incumbent import Incumbent
from perennial_trainer.scorers import check_task
from perennial_trainer.training import Candidate, train

_AT_ONCE = 0.01
"""Seconds in which few rows are ready."""
_NEEDED_AFTER_THE_FIT = "perennial_trainer.serialization.converters"
"""It imports skl2onnx, which takes 0.2 seconds."""


@dataclass(frozen=True)
class InMemory:
    """The order of a run, and all rows that it is about."""

    order: TrainingOrder
    estimator: Any
    task: Task
    dataset: Dataset
    """Without its numbers: those are in the division."""
    division: Division
    fingerprint: str

    @property
    def name(self) -> str:
        """What to call the data in messages."""
        return self.dataset.name

    @property
    def count(self) -> int:
        return self.dataset.count

    @property
    def width(self) -> int:
        """How many features there are."""
        return len(self.dataset.inputs)

    def train(self, incumbent: Incumbent | None, trusted_types: Sequence[str]) -> Candidate:
        """Return what is to be published; raises as ``training.train``."""
        dataset, division, task = self.dataset, self.division, self.task
        return train(self.order, self.estimator, task, dataset, division, incumbent, trusted_types)


def in_memory(
    order: TrainingOrder, allowed_modules: Sequence[str], rows: Future[Rows], reader: Executor
) -> InMemory:
    """Return the rows as the estimator takes them, once the spec has been found right.

    Args:
        order: What to train.
        allowed_modules: Where estimators may come from.
        rows: As they will have been read.
        reader: A thread for what is done with them, while something else is imported here.

    Raises:
        DataError: The rows cannot be used.
        SpecError: The estimator cannot be built, or a metric of the gate is not for it.
        Outage: The rows cannot be read just now.
    """
    spec = order.training.estimator
    estimator = build_estimator(spec, allowed_modules)
    task = task_of(estimator, spec)
    check_task(order.gate, task)
    prepared = reader.submit(_prepared, rows, order.training.data.holdout, task)
    if not wait([prepared], _AT_ONCE).done:
        import_module(_NEEDED_AFTER_THE_FIT)
    return InMemory(order, estimator, task, *prepared.result())


def _prepared(rows: Future[Rows], holdout: Holdout, task: Task) -> tuple[Dataset, Division, str]:
    """Return the rows as the estimator takes them, divided, and their fingerprint."""
    dataset = build_dataset(rows.result(), task)
    pa.default_memory_pool().release_unused()  # the rows as they were read
    return dataset.without_numbers(), divide(dataset, holdout, task), fingerprint(dataset)
