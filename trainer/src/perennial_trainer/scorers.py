"""Tells which of scikit-learn's scorers suit a model, by trying them on predictions without fault.

What scorers are for is not written down in scikit-learn, but each refuses what it is not for.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache

import numpy as np
from sklearn.metrics import get_scorer_names

from perennial_core.artifact import Predictions
from perennial_core.errors import brief
from perennial_core.manifest import Task
from perennial_core.resource.gate import GateSpec
from perennial_trainer.failure import SpecError
from perennial_trainer.metrics import Answered, ask_scorer

_Classes = Sequence[str | int | float | bool]

_MOST_CLASSES = 10
"""Scorers tell two classes from more, and numbers from texts, but not how many more."""
_ROWS_OF_A_CLASS = 3
_SURE = 0.9
"""The probability of the right class in the trial."""


def check_task(gate: GateSpec, task: Task) -> None:
    """Refuse metrics of the gate that are no scorers, or not for this task.

    Raises:
        SpecError: The text names the metric and those that would do.
    """
    for metric in gate.metrics:
        fitting = _for_task()[task]
        if metric.name not in get_scorer_names():
            raise _refusal(metric.name, f"is not a scorer{_hint(metric.name, fitting)}", fitting)
        if metric.name not in fitting:
            raise _refusal(metric.name, f"does not measure {task.lower()}", fitting)


def check_classes(gate: GateSpec, classes: _Classes, *, gives_probabilities: bool) -> None:
    """Refuse metrics of the gate that are not for a classifier with these labels.

    Args:
        gate: Checked by ``check_task``.
        classes: Two or more, in their order.
        gives_probabilities: Whether the classifier does.

    Raises:
        SpecError: The text names the metric, why it does not suit, and those that would do.
    """
    trial = _classification(classes[:_MOST_CLASSES], gives_probabilities)
    for metric in gate.metrics:
        problem = _problem(metric.name, trial)
        if problem is not None:
            fitting = [
                name for name in _for_task()[Task.CLASSIFICATION] if _problem(name, trial) is None
            ]
            raise _refusal(metric.name, f"does not suit this classifier: {problem}", fitting)


@cache
def _for_task() -> dict[Task, list[str]]:
    """Return the scorers by task; those that take texts as well as fractions compare clusterings,
    and those of several labels a row take neither."""
    texts, fractions = _classification(["a", "b", "c"], True), _regression()
    binary = _classification([0, 1], True)
    found: dict[Task, list[str]] = {Task.REGRESSION: [], Task.CLASSIFICATION: []}
    for name in get_scorer_names():
        takes_fractions = _problem(name, fractions) is None
        takes_texts = _problem(name, texts) is None
        if takes_fractions and not takes_texts:
            found[Task.REGRESSION].append(name)
        elif not takes_fractions and (takes_texts or _problem(name, binary) is None):
            found[Task.CLASSIFICATION].append(name)
    return found


def _regression() -> Answered:
    return Answered(Task.REGRESSION, Predictions(np.array([0.5, 1.5, 2.25, 3.0])))


def _classification(classes: _Classes, gives_probabilities: bool) -> Answered:
    """Return right predictions for some rows of each class."""
    count = len(classes)
    labels = np.repeat(np.array(classes), _ROWS_OF_A_CLASS)
    sure = np.full((count, count), (1 - _SURE) / (count - 1))
    np.fill_diagonal(sure, _SURE)
    probabilities = np.repeat(sure, _ROWS_OF_A_CLASS, axis=0) if gives_probabilities else None
    return Answered(Task.CLASSIFICATION, Predictions(labels, probabilities), classes)


def _problem(name: str, trial: Answered) -> str | None:
    """Return why a scorer does not take such predictions; None when it does."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ask_scorer(name, trial, trial.predictions.values)
    except AttributeError:
        return "it gives no probabilities"
    except (TypeError, ValueError) as error:
        return brief(error, 200)
    return None


def _refusal(name: str, why: str, fitting: Sequence[str]) -> SpecError:
    return SpecError(f"spec.gate.metrics: {name} {why}; there are: {', '.join(fitting)}")


def _hint(name: str, fitting: Sequence[str]) -> str:
    close = get_close_matches(name, fitting, n=1)
    return f" (did you mean {close[0]}?)" if close else ""
