"""Candidate and incumbent are measured by scikit-learn's scores on the same holdout."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import get_scorer
from trainer_builders import LINEAR, LOGISTIC, dataset, loaded, trained

from perennial_core.artifact import LoadedModel, Predictions
from perennial_core.identity import Version
from perennial_core.manifest import ColumnType, Metrics, Signature, Task
from perennial_core.resource import Holdout
from perennial_trainer.data.holdout import Division, divide
from perennial_trainer.failure import SpecError
from perennial_trainer.incumbent import Incumbent, with_incumbent
from perennial_trainer.metrics import scores
from perennial_trainer.training import Candidate

RNG = np.random.default_rng(0)
N = 100
X = RNG.normal(size=N)
Y = 2 * X + RNG.normal(size=N)
LABELS = np.where(Y > 1, "high", np.where(Y < -1, "low", "mid"))


def division(columns: dict[str, Any], task: Task) -> Division:
    return divide(dataset(columns, task=task), Holdout(), task)


def expected(estimator: Any, columns: dict[str, Any], task: Task, names: set[str]) -> Any:
    parts = division(columns, task)
    fitted = estimator.fit(parts.training.features, parts.training.target)
    held = (parts.holdout.features, parts.holdout.target)
    return {name: pytest.approx(get_scorer(name)(fitted, *held)) for name in names}


def test_a_regressor_has_the_scores_of_scikit_learns_scorers() -> None:
    columns = {"x": X, "y": Y}
    found = trained(columns).metrics.candidate
    assert set(found) == {"r2", "neg_mean_absolute_error", "neg_root_mean_squared_error"}
    assert found == expected(LinearRegression(), columns, Task.REGRESSION, set(found))


@pytest.mark.parametrize("labels", [LABELS, Y > 0, np.digitize(Y, [-1, 1])])
def test_a_classifier_has_the_scores_of_scikit_learns_scorers(labels: Any) -> None:
    columns = {"x": X, "y": labels}
    found = trained(columns, LOGISTIC).metrics.candidate
    assert set(found) == {"accuracy", "balanced_accuracy", "f1_macro", "neg_log_loss"}
    assert found == expected(LogisticRegression(), columns, Task.CLASSIFICATION, set(found))


def test_without_probabilities_there_is_no_log_loss() -> None:
    metrics = trained({"x": X, "y": LABELS}, {"class": "sklearn.svm.LinearSVC"}).metrics
    assert metrics.candidate["neg_log_loss"] is None
    assert metrics.candidate["accuracy"] is not None


def test_a_score_that_is_not_defined_is_none() -> None:
    model = loaded(trained({"x": X, "y": LABELS}, LOGISTIC)).manifest
    probabilities = np.full((2, 3), 1 / 3)
    truth = np.array(["high", "unheard of"], dtype=object)
    found = scores(["neg_log_loss", "accuracy"], truth, Predictions(truth, probabilities), model)
    assert found["neg_log_loss"] is None
    assert found["accuracy"] == 1


def test_what_is_served_is_what_was_measured() -> None:
    """The published model is fitted on the training part alone."""
    columns = {"x": X, "y": Y}
    parts = division(columns, Task.REGRESSION)
    fitted = LinearRegression().fit(parts.training.features, parts.training.target)
    served = loaded(trained(columns)).predict_matrix(np.array([[10.0]])).values
    assert served == pytest.approx(fitted.predict(pd.DataFrame({"x": [10.0]})), rel=1e-12)


def measured(
    incumbent: Candidate, candidate: Candidate, columns: dict[str, Any], task: Task
) -> Metrics:
    serving = Incumbent(Version(3), loaded(incumbent))
    found = candidate.metrics.candidate
    signature = candidate.serialized.signature
    return with_incumbent(found, serving, division(columns, task).holdout, signature)


@pytest.mark.parametrize(
    ("target", "estimator", "task"),
    [(Y, LINEAR, Task.REGRESSION), (LABELS, LOGISTIC, Task.CLASSIFICATION)],
)
def test_the_same_model_as_incumbent_has_the_same_scores(
    target: Any, estimator: dict[str, Any], task: Task
) -> None:
    columns = {"x": X, "y": target}
    candidate = trained(columns, estimator)
    metrics = measured(candidate, candidate, columns, task)
    assert metrics.incumbent == metrics.candidate
    assert (metrics.incumbent_version, metrics.incumbent_problem) == (3, None)


def test_an_incumbent_needs_only_some_of_the_features() -> None:
    columns = {"z": X**2, "x": X, "y": Y}
    old = trained({"x": X, "y": Y})
    metrics = measured(old, trained(columns), columns, Task.REGRESSION)
    assert metrics.incumbent == pytest.approx(old.metrics.candidate)


TEXT = np.where(X > 0, "a", "b")
GAPS = [None if i % 2 else x for i, x in enumerate(X)]
PROBLEMS: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any], str]] = [
    ({"w": X, "x": X, "y": Y}, LINEAR, {"x": X, "y": Y}, "needs the columns w, no longer features"),
    ({"x": TEXT, "y": Y}, LINEAR, {"x": X, "y": Y}, "column x was string for it"),
    ({"x": X, "y": Y}, LINEAR, {"x": GAPS, "y": Y}, "column x misses values"),
    ({"x": X, "y": LABELS}, LOGISTIC, {"x": X, "y": Y}, "does Classification, the candidate Regre"),
]


@pytest.mark.parametrize(("old", "estimator", "new", "problem"), PROBLEMS)
def test_an_incumbent_that_cannot_be_measured_says_why(
    old: dict[str, Any], estimator: dict[str, Any], new: dict[str, Any], problem: str
) -> None:
    metrics = measured(trained(old, estimator), trained(new), new, Task.REGRESSION)
    assert metrics.incumbent is None
    assert metrics.incumbent_version == 3
    assert problem in str(metrics.incumbent_problem)


class Broken(LoadedModel):
    """A model that predicts no number."""

    def __init__(self, signature: Signature) -> None:
        self.manifest, self.is_matrix = signature, True

    def predict_matrix(self, matrix: Any) -> Predictions:
        return Predictions(np.full(len(matrix), np.nan))

    def predict(self, columns: Any) -> Predictions:
        raise NotImplementedError


def test_an_incumbent_that_predicts_no_numbers_says_so() -> None:
    columns = {"x": X, "y": Y}
    candidate = trained(columns)
    signature = candidate.serialized.signature
    holdout = division(columns, Task.REGRESSION).holdout
    serving = Incumbent(Version(3), Broken(signature))
    metrics = with_incumbent(candidate.metrics.candidate, serving, holdout, signature)
    assert "finite" in str(metrics.incumbent_problem)


def test_the_example_is_a_row_that_the_model_takes() -> None:
    columns = {"x": X, "flag": X > 0, "color": TEXT, "y": Y}
    candidate = trained(columns)
    inputs = candidate.serialized.signature.inputs
    assert [type(value) for value in candidate.example] == [float, bool, str]
    assert [i.type for i in inputs] == [ColumnType.FLOAT64, ColumnType.BOOL, ColumnType.STRING]
    row = {i.name: np.array([v]) for i, v in zip(inputs, candidate.example, strict=True)}
    assert np.isfinite(loaded(candidate).predict(row).values).all()


def test_an_estimator_that_cannot_be_fitted_is_the_users_to_repair() -> None:
    naive = {"class": "sklearn.naive_bayes.MultinomialNB"}
    with pytest.raises(SpecError, match=r"^spec\.training\.estimator: .*NB cannot be fitted"):
        trained({"x": X, "y": LABELS}, naive)


def test_a_param_out_of_range_is_the_users_to_repair() -> None:
    ridge = {"class": "sklearn.linear_model.Ridge", "params": {"alpha": -1}}
    with pytest.raises(SpecError, match=r"'alpha' parameter of Ridge must be a float in the range"):
        trained({"x": X, "y": Y}, ridge)
