"""The examples of the gate are asked of the artifact, as clients will ask it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from trainer_builders import LOGISTIC, gate, trained

from perennial_core.artifact import InstanceRefused, LoadedModel, Predictions
from perennial_core.artifact.examples import ask_examples
from perennial_core.manifest import (
    ArtifactFormat,
    Column,
    ColumnType,
    ExampleResult,
    Signature,
    Task,
)
from perennial_core.resource.gate import Example
from perennial_predictor.instances import InstanceReader
from perennial_predictor.problems import Problem

X = np.linspace(0, 10, 100)
MIXED: dict[str, Any] = {
    "size": X,
    "old": X > 5,
    "color": ["red", "blue", None, "blue"] * 25,
    "y": 2 * X + 3,
}


def answer(columns: dict[str, Any], inputs: dict[str, Any], **more: Any) -> ExampleResult:
    """Return what a trained candidate records for an example."""
    asked = gate(examples=[{"inputs": inputs, "expected": 0}])
    (found,) = trained(columns, asked=asked, **more).examples
    assert found.inputs == inputs
    return ExampleResult.of_bytes(found.to_bytes())


def test_a_regressor_answers_with_a_number() -> None:
    found = answer({"x": X, "y": 2 * X + 3}, {"x": 100})
    assert found.prediction == pytest.approx(203)
    assert found.problem is None


@pytest.mark.parametrize("labels", [("low", "high"), (1, 2), (False, True)])
def test_a_classifier_answers_with_its_label(labels: tuple[Any, Any]) -> None:
    columns = {"x": X, "y": [labels[int(x > 5)] for x in X]}
    for x, label in ((0, labels[0]), (9.5, labels[1])):
        found = answer(columns, {"x": x}, estimator=LOGISTIC)
        assert found.prediction == label
        assert type(found.prediction) is type(label)


def test_features_of_every_type_are_taken_by_name() -> None:
    found = answer(MIXED, {"color": "red", "old": False, "size": 1.5})
    assert found.prediction == pytest.approx(6, abs=0.1)


@pytest.mark.parametrize("inputs", [{"color": None}, {}])
def test_what_may_be_missing_may_be_left_out(inputs: dict[str, Any]) -> None:
    assert answer(MIXED, {"old": False, "size": 1, **inputs}).problem is None


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ({"weight": 1}, "there is no feature 'weight'; there are: 'size', 'old', 'color'"),
        ({"size": None}, "feature 'size' must not be null"),
        ({"size": ...}, "feature 'size' is missing"),
        ({"size": "1"}, "feature 'size' must be a number, not '1'"),
        ({"size": True}, "feature 'size' must be a number, not True"),
        ({"old": 1}, "feature 'old' must be true or false, not 1"),
        ({"color": 7}, "feature 'color' must be a text, not 7"),
        ({"color": ["red"]}, "feature 'color' must be a text, not ['red']"),
        ({"size": 10**400}, "feature 'size' must be a number, not 1000"),
    ],
)
def test_what_a_predictor_would_refuse_is_a_problem(inputs: dict[str, Any], problem: str) -> None:
    given = {"size": 1, "old": False, "color": "red", **inputs}
    found = answer(MIXED, {name: value for name, value in given.items() if value is not ...})
    assert found.prediction is None
    assert str(found.problem).startswith(problem)
    assert len(str(found.problem)) < 200


def test_a_prediction_that_is_no_finite_number_is_a_problem() -> None:
    found = answer({"x": X, "y": 2 * X}, {"x": 1.7e308})
    assert found.prediction is None
    assert "not a finite number" in str(found.problem)


class Zero(LoadedModel):
    """A model that predicts 0 for whatever it is asked."""

    def __init__(self, inputs: list[Column], refuses: str = "") -> None:
        self.is_matrix, self.refuses = False, refuses
        self.manifest = Signature(
            model="tests/points",
            format=ArtifactFormat.ONNX,
            inputs=inputs,
            outputs=[Column(name="y", type=ColumnType.FLOAT64)],
            task=Task.REGRESSION,
            libraries={},
        )

    def predict_matrix(self, matrix: Any) -> Predictions:
        return Predictions(np.zeros(len(matrix)))

    def predict(self, columns: Any) -> Predictions:
        if self.refuses:
            raise InstanceRefused(self.refuses)
        return Predictions(np.zeros(1))


def test_what_the_model_itself_refuses_is_a_problem() -> None:
    model = Zero([Column(name="x", type=ColumnType.STRING)], "unknown category 'green'")
    (found,) = ask_examples(model, [Example(inputs={"x": "green"}, expected=0)])
    assert (found.prediction, found.problem) == (None, "unknown category 'green'")


SCALAR = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.text(max_size=3)),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([1e39, -1e39, 3.4028235e38, 2.0**128 - 2.0**103]),
    *(st.sampled_from([2**63, 2**63 - 1, -(2**63)]), st.just([]), st.just({})),
)


@settings(deadline=None, max_examples=500)
@given(
    inputs=st.lists(
        st.builds(
            Column, name=st.sampled_from("abc"), type=st.sampled_from(ColumnType), nullable=...
        ),
        min_size=1,
        unique_by=lambda column: column.name,
    ),
    instance=st.dictionaries(st.sampled_from("abcd"), SCALAR),
)
@example(inputs=[Column(name="a", type=ColumnType.FLOAT32)], instance={"a": 3.4028235e38})
def test_an_example_is_refused_when_a_predictor_would_refuse_it(
    inputs: list[Column], instance: dict[str, Any]
) -> None:
    (found,) = ask_examples(Zero(inputs), [Example(inputs=instance, expected=0)])
    body = json.dumps({"instances": [instance]}).encode()
    try:
        InstanceReader(inputs, 1).rows(body)
    except Problem:
        assert found.problem is not None
    else:
        assert found.problem is None
