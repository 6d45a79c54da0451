"""Says of whatever an estimator raises which step it is of, of which data, and what may be done."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import dropwhile
from typing import Any

from perennial_core.errors import PerennialError, brief
from perennial_core.manifest import ColumnType
from perennial_core.resource import EstimatorSpec
from perennial_trainer.data.columns import is_comma_number
from perennial_trainer.data.dataset import Dataset
from perennial_trainer.data.rows import shown
from perennial_trainer.estimator.build import name_of
from perennial_trainer.failure import SpecError

_FIELD = "spec.training.estimator"
_TEXT = re.compile("could not convert string to float: '([^']*)'")
_QUOTED = "Traceback (most recent call last):\n"


@contextmanager
def refusing_fit(spec: EstimatorSpec, estimator: Any, dataset: Dataset) -> Iterator[None]:
    """Raise SpecError for whatever a fit raises: spec or data have to change."""
    with _refusing(spec, estimator, f"cannot be fitted to this data ({dataset.name})", dataset):
        yield


@contextmanager
def refusing_prediction(spec: EstimatorSpec, estimator: Any, dataset: Dataset) -> Iterator[None]:
    """Raise SpecError for whatever a fitted estimator raises about rows of its own data."""
    with _refusing(spec, estimator, f"cannot predict for its own data ({dataset.name})", dataset):
        yield


@contextmanager
def _refusing(spec: EstimatorSpec, estimator: Any, what: str, dataset: Dataset) -> Iterator[None]:
    try:
        yield
    except PerennialError:
        raise
    except Exception as error:
        position = None if spec.steps is None else _step_at_fault(estimator, error)
        remedy = _remedy(_reason(error), dataset)
        raise SpecError(f"{_culprit(spec, position)} {what}: {_reason(error)}{remedy}") from error


def _culprit(spec: EstimatorSpec, position: int | None) -> str:
    if spec.steps is None:
        return f"{_FIELD}: {name_of(spec)}"
    if position is None:
        return f"{_FIELD}.steps: the pipeline"
    step = spec.steps[position]
    return f"{_FIELD}.steps[{step.name}]: {step.class_}"


def _step_at_fault(pipeline: Any, error: Exception) -> int | None:
    """Return which step was at work; scikit-learn does not say it."""
    steps = [step for _, step in pipeline.steps]
    for frame, _ in traceback.walk_tb(error.__traceback__):
        for position, step in enumerate(steps):
            if frame.f_locals.get("self") is step:
                return position
    return None


def _reason(error: Exception) -> str:
    """Return what went wrong; what searches raise quotes the tracebacks of all their fits."""
    _, quoted, last = str(error).rpartition(_QUOTED)
    if not quoted:
        return brief(error)
    told = "\n".join(dropwhile(lambda line: line.startswith(" "), last.splitlines()))
    return brief(ValueError(told.partition(": ")[2] or told))


def _remedy(problem: str, dataset: Dataset) -> str:
    """Return what scikit-learn's error leaves out: the columns that it is of."""
    if (found := _TEXT.search(problem)) and is_comma_number(found[1]):
        return "; write numbers without commas, with a point before decimals"
    if "could not convert string" in problem:
        texts = [column.name for column in dataset.inputs if column.type is ColumnType.STRING]
        return f"; columns of text, which have to be encoded before: {shown(texts)}"
    if "contains NaN" in problem:
        gaps = [column.name for column in dataset.inputs if column.nullable]
        return f"; columns that miss values: {shown(gaps)}"
    if "only supported for dataframes" in problem:
        return "; what other steps give has no names: put this step first, or write positions"
    if "Found unknown categories" in problem:
        return (
            "; they are not in the rows that it was fitted on: the encoder's parameter"
            " handle_unknown says what becomes of such"
        )
    return ""
