"""Trees are written anew by the newer operator of ONNX, and answer as before, to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper
from skl2onnx import to_onnx
from sklearn.ensemble import (
    AdaBoostRegressor,
    BaggingRegressor,
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from perennial_core.manifest import Column, ColumnType, Task
from perennial_trainer.serialization import onnx_graph
from perennial_trainer.serialization.trees import compact_trees

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(200, 4)).astype(np.float32)
TARGET = 3 * ROWS[:, 0] + ROWS[:, 1]
MANY = RANDOM.normal(size=(2000, 4)).astype(np.float32)


def converted(estimator: Any, target: Any = TARGET) -> Any:
    return to_onnx(estimator.fit(ROWS, target), ROWS[:1])


def trees_of(model: Any) -> set[str]:
    return {node.op_type for node in model.graph.node if node.op_type.startswith("Tree")}


def answers(model: Any) -> Any:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {session.get_inputs()[0].name: MANY})[0]


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestRegressor(30, random_state=0),
        ExtraTreesRegressor(30, random_state=0),
        DecisionTreeRegressor(),
        DecisionTreeRegressor(max_depth=1),
        AdaBoostRegressor(n_estimators=3, random_state=0),
        BaggingRegressor(n_estimators=3, random_state=0),
        make_pipeline(StandardScaler(), RandomForestRegressor(5, random_state=0)),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_trees_are_smaller_and_answer_alike(estimator: Any) -> None:
    model = converted(estimator)
    before, size = answers(model), model.ByteSize()
    compact_trees(model)
    onnx.checker.check_model(model)
    assert trees_of(model) == {"TreeEnsemble"}
    assert np.array_equal(answers(model), before)
    assert model.ByteSize() < size
    assert len(set(before.ravel())) > 1


def test_what_is_published_has_them() -> None:
    inputs = [Column(name=name, type=ColumnType.FLOAT64) for name in "abcd"]
    forest = RandomForestRegressor(3, random_state=0).fit(ROWS, TARGET)
    artifact = onnx_graph.to_onnx(forest, inputs, Task.REGRESSION, "float32")
    assert trees_of(onnx.load_from_string(artifact)) == {"TreeEnsemble"}


def test_trees_of_one_leaf_are_kept() -> None:
    forest = ExtraTreesRegressor(8, max_features=1, min_impurity_decrease=2, random_state=0)
    model = converted(forest)
    assert {tree.tree_.node_count for tree in forest.estimators_} == {1, 3}
    before = answers(model)
    compact_trees(model)
    assert trees_of(model) == {"TreeEnsemble"}
    assert np.array_equal(answers(model), before)


def test_where_missing_values_go_is_kept() -> None:
    model = converted(RandomForestRegressor(5, random_state=0))
    attributes = model.graph.node[0].attribute
    missing = next(each for each in attributes if each.name == "nodes_missing_value_tracks_true")
    missing.ints[:] = [number % 2 for number in range(len(missing.ints))]
    rows = np.where(RANDOM.random(MANY.shape) < 0.3, np.nan, MANY).astype(np.float32)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    before = session.run(None, {"X": rows})[0]
    compact_trees(model)
    after = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"X": rows})[0]
    assert np.array_equal(after, before)


@pytest.mark.parametrize(
    ("estimator", "target"),
    [
        (RandomForestClassifier(3, random_state=0), TARGET > 0),
        (RandomForestRegressor(3, random_state=0), np.column_stack([TARGET, -TARGET])),
        (GradientBoostingRegressor(n_estimators=3), TARGET),
    ],
    ids=["a classifier", "two targets", "a value to begin with"],
)
def test_what_has_no_such_form_stays_as_it_is(estimator: Any, target: Any) -> None:
    model = converted(estimator, target)
    before = model.SerializeToString()
    compact_trees(model)
    assert model.SerializeToString() == before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("post_transform", "LOGISTIC"),
        ("aggregate_function", "MAX"),
        ("nodes_values_as_tensor", onnx.numpy_helper.from_array(np.zeros(1))),
        ("unheard_of", 1),
    ],
)
def test_what_is_not_known_to_be_the_same_stays_as_it_is(name: str, value: Any) -> None:
    model = converted(DecisionTreeRegressor())
    node = model.graph.node[0]
    kept = [each for each in node.attribute if each.name != name]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute(name, value)])
    compact_trees(model)
    assert trees_of(model) == {"TreeEnsembleRegressor"}


def test_comparisons_of_another_kind_stay_as_they_are() -> None:
    model = converted(DecisionTreeRegressor())
    attributes = model.graph.node[0].attribute
    modes = next(each for each in attributes if each.name == "nodes_modes").strings
    modes[list(modes).index(b"BRANCH_LEQ")] = b"BRANCH_LT"
    compact_trees(model)
    assert trees_of(model) == {"TreeEnsembleRegressor"}


def test_a_leaf_that_counts_twice_stays_as_it_is() -> None:
    model = converted(DecisionTreeRegressor())
    for attribute in model.graph.node[0].attribute:
        if attribute.name.startswith("target_"):
            values = attribute.floats if attribute.name == "target_weights" else attribute.ints
            values.append(values[0])
    compact_trees(model)
    assert trees_of(model) == {"TreeEnsembleRegressor"}


def test_operators_that_the_newer_opset_changes_keep_the_older_one() -> None:
    model = converted(DecisionTreeRegressor())
    other = helper.make_node("LabelEncoder", ["X"], ["labels"], domain="ai.onnx.ml")
    model.graph.node.append(other)
    compact_trees(model)
    assert trees_of(model) == {"TreeEnsembleRegressor"}
