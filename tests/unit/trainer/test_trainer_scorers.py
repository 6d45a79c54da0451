"""Every scorer of scikit-learn is measured as scikit-learn does, or refused with a message."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.svm import LinearSVC
from trainer_builders import LOGISTIC, gate, trained

from perennial_core.artifact import Predictions
from perennial_core.artifact.frame import estimator_predictions
from perennial_core.manifest import ArtifactFormat, Column, ColumnType, Signature, Task
from perennial_trainer.failure import SpecError
from perennial_trainer.metrics import metric_names, scores
from perennial_trainer.scorers import check_classes, check_task

NAMES = get_scorer_names()
LABELS: list[list[Any]] = [
    ["a", "b"],
    ["a", "b", "c"],
    [0, 1],
    [1, 2],
    [-1, 1],
    [False, True],
    [0, 1, 2],
    [3, 5, 7, 9],
]
RNG = np.random.default_rng(0)


def signature(task: Task, classes: list[Any] | None = None) -> Signature:
    x, y = (Column(name=name, type=ColumnType.FLOAT64) for name in "xy")
    return Signature(
        model="tests/points",
        format=ArtifactFormat.ONNX,
        inputs=[x],
        outputs=[y],
        task=task,
        classes=classes,
        libraries={},
    )


def problem(name: str, task: Task, classes: list[Any], *, gives: bool) -> str | None:
    """Return how a metric is refused; None when it is not."""
    try:
        check_task(gate(name), task)
        if task is Task.CLASSIFICATION:
            check_classes(gate(name), classes, gives_probabilities=gives)
    except SpecError as error:
        return str(error)
    return None


def measured(name: str, estimator: Any, rows: Any, truth: Any, classes: Any) -> float | None:
    """Return the score of what the estimator predicts, asked only for its predictions."""
    task = Task.REGRESSION if classes is None else Task.CLASSIFICATION
    model = signature(task, classes)
    predictions = estimator_predictions(estimator, rows, model)
    return scores([name], truth, predictions, model)[name]


def same(found: float | None, expected: float) -> bool:
    if found is None:
        return not math.isfinite(expected)
    return found == pytest.approx(expected, rel=1e-9, abs=1e-12)


def own(name: str, estimator: Any, rows: Any, truth: Any) -> float | None:
    """Return scikit-learn's own score; None where it refuses."""
    try:
        return float(get_scorer(name)(estimator, rows, truth))
    except (AttributeError, TypeError, ValueError):
        return None


@pytest.mark.filterwarnings("ignore")
@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000), least=st.sampled_from([-10.0, 0.1]))
def test_a_regressor_has_every_score_of_scikit_learn_or_a_refusal(seed: int, least: float) -> None:
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame({"x": rng.uniform(1, 10, 60)})
    truth = rows["x"].to_numpy() + rng.uniform(least, 10, 60)
    estimator = LinearRegression().fit(rows, truth)
    for name in NAMES:
        refused = problem(name, Task.REGRESSION, [], gives=False)
        if refused is None:
            expected = own(name, estimator, rows, truth)
            found = measured(name, estimator, rows, truth, None)
            assert same(found, math.nan if expected is None else expected), name
        else:
            assert refused.startswith(f"spec.gate.metrics: {name} does not measure regression; th")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [RandomForestClassifier(5, random_state=0), LinearSVC()])
@pytest.mark.parametrize("classes", LABELS, ids=str)
def test_a_classifier_has_every_score_of_scikit_learn_or_a_refusal(
    classes: list[Any], kind: Any
) -> None:
    matrix, drawn = make_classification(
        300, n_classes=len(classes), n_informative=4, flip_y=0.3, random_state=0
    )
    rows = pd.DataFrame(matrix, columns=[f"x{i}" for i in range(matrix.shape[1])])
    truth = np.array(classes)[drawn]
    estimator = kind.fit(rows[:200], truth[:200])
    gives = hasattr(estimator, "predict_proba")
    for name in NAMES:
        refused = problem(name, Task.CLASSIFICATION, classes, gives=gives)
        expected = own(name, estimator, rows[200:], truth[200:])
        if refused is None:
            found = measured(name, estimator, rows[200:], truth[200:], classes)
            assert expected is not None, name
            assert same(found, expected), name
        else:
            assert refused.startswith(f"spec.gate.metrics: {name} does not ")
            assert "; there are: accuracy, " in refused
            # What scikit-learn itself gives is refused only where it asks for a decision function.
            for_others = problem(name, Task.CLASSIFICATION, classes, gives=True) is None
            assert expected is None or for_others or name in not_for_classifiers(), name


def not_for_classifiers() -> set[str]:
    """Return the scorers that compare clusterings, and a regressor's, which take whole numbers."""
    functions = {name: get_scorer(name)._score_func.__module__ for name in NAMES}
    modules = ("sklearn.metrics.cluster", "sklearn.metrics._regression")
    return {name for name, module in functions.items() if module.startswith(modules)}


def test_clusterings_and_rows_of_several_labels_are_for_neither_task() -> None:
    refused = {
        name
        for name in NAMES
        if all(problem(name, task, [0, 1], gives=True) is not None for task in Task)
    }
    clusterings = {n for n in NAMES if "cluster" in get_scorer(n)._score_func.__module__}
    assert refused == clusterings | {n for n in NAMES if n.endswith("_samples")}


def test_a_name_that_is_no_scorer_is_refused_with_a_hint() -> None:
    with pytest.raises(
        SpecError, match=r"^spec\.gate\.metrics: max_error is not a scorer \(did you"
    ):
        check_task(gate("max_error"), Task.REGRESSION)


def test_the_gates_metrics_come_after_the_usual_ones_and_once() -> None:
    found = metric_names(Task.REGRESSION, gate("neg_max_error", "r2"))
    usual = ["r2", "neg_mean_absolute_error", "neg_root_mean_squared_error"]
    assert found == [*usual, "neg_max_error"]


X = RNG.normal(size=100)
Y = 2 * X + RNG.normal(size=100)
TEXTS = np.where(Y > 0, "high", "low")


def test_what_the_gate_asks_for_is_measured_of_the_candidate() -> None:
    metrics = trained({"x": X, "y": Y}, asked=gate("neg_max_error")).metrics
    assert metrics.candidate["neg_max_error"] is not None


SVC = {"class": "sklearn.svm.SVC"}
VOTING = {"class": "sklearn.ensemble.VotingClassifier", "params": {"estimators": [["one", SVC]]}}
STACKING = {
    "class": "sklearn.ensemble.StackingClassifier",
    "params": {"estimators": [["one", {"class": "sklearn.tree.DecisionTreeClassifier"}]]},
}


@pytest.mark.parametrize(
    ("estimator", "target", "name", "message"),
    [
        (LOGISTIC, TEXTS, "f1", "does not suit this classifier: pos_label=1 is not a valid"),
        ({"class": "sklearn.svm.LinearSVC"}, TEXTS, "roc_auc", "it gives no probabilities"),
        (SVC, TEXTS, "roc_auc", "it gives no probabilities; there are: accuracy"),
        ({"steps": [{"name": "last", **SVC}]}, TEXTS, "neg_log_loss", "it gives no probabilities"),
    ],
)
def test_what_does_not_suit_is_refused_before_the_fit(
    estimator: dict[str, Any],
    target: Any,
    name: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("perennial_trainer.training._fit", lambda *_: pytest.fail("was fitted"))
    with pytest.raises(SpecError, match=message):
        trained({"x": X, "y": target}, estimator, asked=gate(name))


@pytest.mark.parametrize("estimator", [SVC, VOTING])
def test_a_classifier_that_turns_out_to_give_no_probabilities_is_refused(
    estimator: dict[str, Any],
) -> None:
    with pytest.raises(SpecError, match=r"roc_auc .* it gives no probabilities; there are: acc"):
        trained({"x": X, "y": TEXTS}, estimator, asked=gate("roc_auc"))


def test_a_classifier_that_gives_probabilities_only_when_fitted_is_measured() -> None:
    metrics = trained({"x": X, "y": TEXTS}, STACKING, asked=gate("roc_auc")).metrics
    assert metrics.candidate["roc_auc"] is not None


def test_a_holdout_without_one_of_the_classes_has_a_log_loss() -> None:
    """Where scikit-learn's scorer does not know the classes, and refuses."""
    classes = ["a", "b", "c"]
    predictions = Predictions(np.array(["a", "b"]), np.array([[0.5, 0.25, 0.25], [0, 1, 0]]))
    model = signature(Task.CLASSIFICATION, classes)
    found = scores(["neg_log_loss"], np.array(["a", "b"]), predictions, model)["neg_log_loss"]
    assert found == pytest.approx(math.log(0.5) / 2)


def test_probabilities_of_other_labels_are_not_taken_for_these() -> None:
    """Two labels each, one of them another: the columns would seem to fit."""
    predictions = Predictions(np.array([0, 1]), np.array([[0.9, 0.1], [0.1, 0.9]]))
    model = signature(Task.CLASSIFICATION, [0, 1])
    found = scores(["neg_log_loss", "accuracy"], np.array([0, 7]), predictions, model)
    assert found == {"neg_log_loss": None, "accuracy": 0.5}
