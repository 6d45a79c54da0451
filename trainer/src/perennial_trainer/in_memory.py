"""Rows that are trained on all at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from perennial_core.manifest import Task
from perennial_core.order import TrainingOrder
from perennial_trainer.data.dataset import Dataset, build_dataset
from perennial_trainer.data.fingerprint import fingerprint
from perennial_trainer.data.rows import Rows
from perennial_trainer.estimator.build import build_estimator, task_of
from perennial_trainer.incumbent import Incumbent
from perennial_trainer.scorers import check_task
from perennial_trainer.training import Candidate, train


@dataclass(frozen=True)
class InMemory:
    """The order of a run, and all rows that it is about."""

    order: TrainingOrder
    estimator: Any
    task: Task
    dataset: Dataset

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

    @cached_property
    def fingerprint(self) -> str:
        return fingerprint(self.dataset)

    def train(self, incumbent: Incumbent | None, trusted_types: Sequence[str]) -> Candidate:
        """Return what is to be published; raises as ``training.train``."""
        dataset = self.dataset
        return train(self.order, self.estimator, self.task, dataset, incumbent, trusted_types)


def in_memory(
    order: TrainingOrder, allowed_modules: Sequence[str], read: Callable[[], Rows]
) -> InMemory:
    """Return the rows as the estimator takes them, once the spec has been found right.

    Raises:
        DataError: The rows cannot be used.
        SpecError: The estimator cannot be built, or a metric of the gate is not for it.
        Outage: The rows cannot be read just now.
    """
    spec = order.training.estimator
    estimator = build_estimator(spec, allowed_modules)
    task = task_of(estimator, spec)
    check_task(order.gate, task)
    dataset = build_dataset(read(), task)
    pa.default_memory_pool().release_unused()  # the rows as they were read
    return InMemory(order, estimator, task, dataset)
