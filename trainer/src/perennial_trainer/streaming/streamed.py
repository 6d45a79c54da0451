"""Rows that are trained on by batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from perennial_core.manifest import Rows
from perennial_core.order import TrainingOrder
from perennial_core.resource.training import Streaming
from perennial_core.settings import TrainerSettings
from perennial_trainer.estimator.build import build_estimator, task_of
from perennial_trainer.estimator.preprocessing import with_preprocessing
from perennial_trainer.incumbent import Incumbent
from perennial_trainer.scorers import check_task
from perennial_trainer.streaming.batches import open_batches
from perennial_trainer.streaming.incremental import check_incremental, fit_by_batches
from perennial_trainer.streaming.survey import Survey, survey
from perennial_trainer.training import Candidate, check_labels, published


@dataclass(frozen=True)
class Streamed:
    """The order of a run, and what was found out about all rows that it is about."""

    order: TrainingOrder
    streaming: Streaming
    estimator: Any
    survey: Survey

    @property
    def name(self) -> str:
        """What to call the data in messages."""
        return self.survey.batches.name

    @property
    def count(self) -> int:
        return self.survey.count

    @property
    def width(self) -> int:
        """How many features there are."""
        return len(self.survey.inputs)

    @property
    def fingerprint(self) -> str:
        return self.survey.fingerprint

    def train(self, incumbent: Incumbent | None, trusted_types: Sequence[str]) -> Candidate:
        """Return what is to be published; raises as ``training.train``."""
        found, estimator, spec = self.survey, self.estimator, self.order.training.estimator
        if found.classes is not None:
            check_labels(self.order, estimator, found.classes, found.target)
        sample = found.sample()
        if spec.steps is None:
            estimator = with_preprocessing(estimator, sample, found.texts)
        passes, epochs = found.training_batches, self.streaming.epochs
        fit_by_batches(estimator, spec, sample, passes, found.classes, epochs)
        division, task = found.division, found.task
        candidate = published(
            self.order, estimator, task, sample, division, incumbent, trusted_types
        )
        rows = Rows(training=found.training_rows, holdout=len(division.holdout))
        return replace(candidate, rows=rows)


def streamed(order: TrainingOrder, streaming: Streaming, settings: TrainerSettings) -> Streamed:
    """Return what there is to train on, once the spec has been found right.

    Raises:
        DataError: The rows cannot be used.
        SpecError: The estimator cannot be built, or not be trained by batches; or a metric of the
            gate is not for it.
        Outage: The rows cannot be read just now.
    """
    spec = order.training.estimator
    estimator = build_estimator(spec, settings.allowed_modules)
    task = task_of(estimator, spec)
    check_task(order.gate, task)
    check_incremental(estimator, spec, task)
    batches = open_batches(order, streaming.batch_rows, settings)
    return Streamed(order, streaming, estimator, survey(batches, order.training.data, task))
