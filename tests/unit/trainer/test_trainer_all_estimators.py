"""What becomes of every regressor and classifier of scikit-learn.

Each is trained on a small data set and either published as ONNX, published as skops or refused with
a message for the user. The table of docs/estimators.md is what this test finds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.utils import all_estimators
from trainer_builders import dataset, loaded, order

from perennial_core.artifact.frame import columns_of, estimator_predictions
from perennial_core.errors import UserError
from perennial_core.manifest import ArtifactFormat, Task
from perennial_trainer.data.holdout import divide
from perennial_trainer.estimator.build import build_estimator, task_of
from perennial_trainer.serialization.parity import TOLERANCES, parity_error
from perennial_trainer.training import Candidate, train

PAGE = Path(__file__).parents[3] / "docs" / "estimators.md"

RNG = np.random.default_rng(0)
ROWS = 100
FEATURES = {name: np.abs(RNG.normal(size=ROWS)) for name in "abc"}
Y = FEATURES["a"] + 2 * FEATURES["b"] + 3 * FEATURES["c"] + 1 + RNG.normal(scale=0.1, size=ROWS)
THREE = np.array(["low", "mid", "high"])[np.digitize(Y, np.quantile(Y, [1 / 3, 2 / 3]))]
TWO = np.where(np.median(Y) < Y, "high", "low")

INNER = {
    "regressor": {"class": "sklearn.linear_model.Ridge"},
    "classifier": {"class": "sklearn.linear_model.LogisticRegression"},
}
OTHER = {
    "regressor": {"class": "sklearn.tree.DecisionTreeRegressor"},
    "classifier": {"class": "sklearn.tree.DecisionTreeClassifier"},
}
PARAMS: dict[str, dict[str, Any]] = {
    "AdaBoostClassifier": {"n_estimators": 5},
    "CCA": {"n_components": 1},
    "ExtraTreesClassifier": {"n_estimators": 5},
    "ExtraTreesRegressor": {"n_estimators": 5},
    "GradientBoostingClassifier": {"n_estimators": 5},
    "GradientBoostingRegressor": {"n_estimators": 5},
    "HistGradientBoostingClassifier": {"max_iter": 5},
    "HistGradientBoostingRegressor": {"max_iter": 5},
    "MLPClassifier": {"max_iter": 20},
    "MLPRegressor": {"max_iter": 20},
    "PLSCanonical": {"n_components": 1},
    "PLSRegression": {"n_components": 1},
    "RadiusNeighborsClassifier": {"radius": 10.0},
    "RadiusNeighborsRegressor": {"radius": 10.0},
    "RandomForestClassifier": {"n_estimators": 5},
    "RandomForestRegressor": {"n_estimators": 5},
}
"""What an estimator needs to be fitted to this data at all, or to be quick."""
TAKES_ESTIMATOR = {
    "ClassifierChain",
    "FixedThresholdClassifier",
    "MultiOutputClassifier",
    "MultiOutputRegressor",
    "OneVsOneClassifier",
    "OneVsRestClassifier",
    "OutputCodeClassifier",
    "RegressorChain",
    "SelfTrainingClassifier",
    "TunedThresholdClassifierCV",
}
TAKES_ESTIMATORS = {
    "StackingClassifier",
    "StackingRegressor",
    "VotingClassifier",
    "VotingRegressor",
}
BINARY = {"FixedThresholdClassifier", "TunedThresholdClassifierCV"}
ONE_FEATURE = {"IsotonicRegression"}
TWO_TARGETS = {
    "ClassifierChain",
    "MultiOutputClassifier",
    "MultiOutputRegressor",
    "MultiTaskElasticNet",
    "MultiTaskElasticNetCV",
    "MultiTaskLasso",
    "MultiTaskLassoCV",
    "RegressorChain",
}
"""They predict two targets or more, which a model does not have."""


@dataclass(frozen=True)
class Case:
    """One estimator of scikit-learn and what it is tried with."""

    kind: str
    name: str
    path: str

    def spec(self) -> dict[str, Any]:
        params = dict(PARAMS.get(self.name, {}))
        if self.name in TAKES_ESTIMATOR:
            params["estimator"] = INNER[self.kind]
        if self.name in TAKES_ESTIMATORS:
            params["estimators"] = [["one", INNER[self.kind]], ["two", OTHER[self.kind]]]
        return {"class": self.path, "params": params}

    def columns(self) -> dict[str, Any]:
        features = {"a": FEATURES["a"]} if self.name in ONE_FEATURE else FEATURES
        if self.kind == "regressor":
            return {**features, "y": Y}
        return {**features, "y": TWO if self.name in BINARY else THREE}


def cases() -> Iterator[Case]:
    for kind in ("regressor", "classifier"):
        for name, found in all_estimators(type_filter=kind):
            public = takewhile(lambda part: not part.startswith("_"), found.__module__.split("."))
            yield Case(kind, name, f"{'.'.join(public)}.{name}")


@dataclass(frozen=True)
class Result:
    """What became of an estimator."""

    outcome: str
    message: str = ""


def attempt(case: Case) -> Result:
    """Train, and compare what is published with the estimator once more, on all rows."""
    given = order(estimator=case.spec())
    try:
        estimator = build_estimator(given.training.estimator, ["sklearn"])
        task = task_of(estimator, given.training.estimator)
        data = dataset(case.columns(), task=task)
        division = divide(data, given.training.data.holdout, task)
        candidate = train(given, estimator, task, data.without_numbers(), division, None, ())
    except UserError as error:
        return Result("refused", str(error))
    assert_same(candidate, estimator, case)
    signature, parity = candidate.serialized.signature, candidate.serialized.parity
    if signature.format is ArtifactFormat.SKOPS:
        return Result("skops")
    return Result(f"ONNX, {parity.precision}")


def assert_same(candidate: Candidate, estimator: Any, case: Case) -> None:
    signature = candidate.serialized.signature
    rows = dataset(case.columns(), task=signature.task).features
    expected = estimator_predictions(estimator, rows, signature)
    actual = loaded(candidate).predict(columns_of(rows))
    tolerance = TOLERANCES[candidate.serialized.parity.precision]
    parity_error(expected, actual, tolerance)
    if signature.task is Task.REGRESSION:
        assert actual.values.shape == (ROWS,)
    else:
        assert set(actual.values) <= set(signature.classes or [])


def table(results: dict[Case, Result]) -> str:
    """Return the table of counts and the estimators of each outcome."""
    outcomes = ["ONNX, float64", "ONNX, float32", "skops", "refused"]
    counts = Counter((case.kind, result.outcome) for case, result in results.items())
    lines = ["| | regressors | classifiers |", "|---|---:|---:|"]
    lines += [
        f"| {outcome} | {counts['regressor', outcome]} | {counts['classifier', outcome]} |"
        for outcome in outcomes
    ]
    for outcome in outcomes:
        names = sorted(case.name for case, result in results.items() if result.outcome == outcome)
        lines += ["", f"**{outcome}**: {', '.join(names)}."]
    return "\n".join(lines)


@pytest.mark.filterwarnings("ignore")
def test_every_estimator_is_published_the_same_or_refused_with_a_message() -> None:
    results = {case: attempt(case) for case in cases()}
    refused = {case: result.message for case, result in results.items() if result.message}
    print(table(results), *refused.values(), sep="\n")
    assert {case.name for case in refused} == TWO_TARGETS
    for case, message in refused.items():
        assert (
            message
            == f"spec.training.estimator: {case.path} predicts several targets; a model has one"
        )
    assert table(results) in PAGE.read_text(), "docs/estimators.md should hold the printed table"
