"""Fits an estimator batch by batch, by its partial_fit.

In a pipeline every transformer is fitted on all batches before what comes after it sees one, so
that the first batch is transformed as the last one is: each costs a pass over the data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from perennial_core.manifest import Task
from perennial_core.resource import EstimatorSpec
from perennial_trainer.data.columns import Array
from perennial_trainer.data.dataset import Dataset
from perennial_trainer.data.holdout import Part
from perennial_trainer.estimator.build import name_of
from perennial_trainer.estimator.refusing import refusing_fit
from perennial_trainer.failure import SpecError

Passes = Callable[[], Iterator[Part]]
"""Begins a pass over the training rows."""

_FIELD = "spec.training.estimator"
_ESTIMATORS = {
    Task.REGRESSION: "SGDRegressor and MLPRegressor",
    Task.CLASSIFICATION: "SGDClassifier, Perceptron, MLPClassifier, GaussianNB, MultinomialNB,"
    " BernoulliNB and ComplementNB",
}
_TRANSFORMERS = "StandardScaler, MinMaxScaler, MaxAbsScaler and IncrementalPCA"


def check_incremental(estimator: Any, spec: EstimatorSpec, task: Task) -> None:
    """Refuse an estimator that cannot be fitted by batches.

    Raises:
        SpecError: The text names the step, and what could take its place.
    """
    steps = estimator.steps if spec.steps is not None else [("", estimator)]
    if not hasattr(steps[-1][1], "partial_fit"):
        raise SpecError(
            f"{_FIELD}: {name_of(spec)} has no partial_fit, so it cannot be trained by batches;"
            f" {_ESTIMATORS[task]} have it; or leave out spec.training.streaming"
        )
    for name, transformer in steps[:-1]:
        if not hasattr(transformer, "partial_fit") and _needs_fit(transformer):
            raise SpecError(
                f"{_FIELD}.steps[{name}]: {type(transformer).__name__} has no partial_fit, so it"
                f" cannot be fitted by batches; {_TRANSFORMERS} have it; or leave out"
                " spec.training.streaming"
            )


def _needs_fit(transformer: Any) -> bool:
    from sklearn.utils import get_tags

    return bool(get_tags(transformer).requires_fit)


def fit_by_batches(
    estimator: Any,
    spec: EstimatorSpec,
    sample: Dataset,
    passes: Passes,
    classes: Array | None,
    epochs: int,
) -> None:
    """Fit an estimator that ``check_incremental`` lets pass, with the default preprocessing.

    Args:
        estimator: Unfitted.
        spec: Which estimator it is.
        sample: Some of the training rows: on them what has no partial_fit is fitted.
        passes: The training rows.
        classes: A classifier's labels.
        epochs: How often the last step sees all rows.

    Raises:
        SpecError: It cannot be fitted to these rows.
        DataError, Outage: As reading raises them.
    """
    steps = [step for _, step in getattr(estimator, "steps", [("", estimator)])]
    known = {} if classes is None else {"classes": classes}
    before: list[Any] = []
    for step in steps[:-1]:
        if hasattr(step, "partial_fit"):
            for part in passes():
                with refusing_fit(spec, estimator, sample):
                    step.partial_fit(_transformed(part.features, before), part.target)
        else:
            with refusing_fit(spec, estimator, sample):
                step.fit(_transformed(sample.features, before), sample.target.values)
        before.append(step)
    for _ in range(epochs):
        for part in passes():
            with refusing_fit(spec, estimator, sample):
                features = _transformed(part.features, before)
                steps[-1].partial_fit(features, part.target, **known)


def _transformed(features: Any, transformers: list[Any]) -> Any:
    for transformer in transformers:
        features = transformer.transform(features)
    return features
