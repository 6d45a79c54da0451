"""Graphs are made quicker, and answer as before."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from perennial_core.manifest import Column, ColumnType, Task
from perennial_trainer.serialization.fused import fuse_linear
from perennial_trainer.serialization.onnx_graph import to_onnx

ROWS = np.random.default_rng(0).normal(size=(20, 3))
INPUTS = [Column(name=name, type=ColumnType.FLOAT64) for name in "abc"]
WEIGHTS = np.arange(6.0).reshape(3, 2)
BIAS = np.array([1.0, -1.0])
MULTIPLY = helper.make_node("MatMul", ["rows", "weights"], ["product"])
ADD = helper.make_node("Add", ["product", "bias"], ["sum"])
ADD_REVERSED = helper.make_node("Add", ["bias", "product"], ["sum"])


def graph(*nodes: Any, bias: Any = BIAS, rank: int = 2, outputs: tuple[str, ...] = ("sum",)) -> Any:
    shape = [None] * (rank - 1) + [3]
    return helper.make_model(
        helper.make_graph(
            nodes,
            "perennial",
            [helper.make_tensor_value_info("rows", TensorProto.DOUBLE, shape)],
            [helper.make_tensor_value_info(name, TensorProto.DOUBLE, None) for name in outputs],
            [numpy_helper.from_array(WEIGHTS, "weights"), numpy_helper.from_array(bias, "bias")],
        ),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=8,
    )


def operators(model: Any) -> list[str]:
    return [node.op_type for node in model.graph.node]


def run(model: Any, rows: Any) -> Any:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {session.get_inputs()[0].name: rows})


@pytest.mark.parametrize(
    "model",
    [
        graph(MULTIPLY, ADD),
        graph(MULTIPLY, ADD_REVERSED),
        graph(MULTIPLY, ADD, bias=BIAS.reshape(1, 2)),
    ],
    ids=["bias last", "bias first", "bias as a row"],
)
def test_a_product_and_its_bias_are_one_step(model: Any) -> None:
    before = run(model, ROWS)
    fuse_linear(model)
    assert operators(model) == ["Gemm"]
    np.testing.assert_allclose(run(model, ROWS), before, rtol=1e-12)


@pytest.mark.parametrize(
    ("model", "rows"),
    [
        (graph(MULTIPLY, ADD, outputs=("sum", "product")), ROWS),
        (graph(MULTIPLY, ADD, rank=3), ROWS.reshape(2, 10, 3)),
        (graph(MULTIPLY, ADD, bias=np.ones((20, 2))), ROWS),
        (graph(MULTIPLY, helper.make_node("Add", ["product", "product"], ["sum"])), ROWS),
        (graph(MULTIPLY, helper.make_node("Sub", ["product", "bias"], ["sum"])), ROWS),
    ],
    ids=["the product is an output", "no matrix", "another bias", "no bias", "no sum"],
)
def test_what_is_anything_else_stays_as_it_is(model: Any, rows: Any) -> None:
    before, expected = operators(model), run(model, rows)
    fuse_linear(model)
    assert operators(model) == before
    np.testing.assert_array_equal(run(model, rows), expected)


@pytest.mark.parametrize(
    "estimator",
    [
        LinearRegression(),
        make_pipeline(StandardScaler(), Ridge()),
        MLPRegressor(hidden_layer_sizes=(4,), max_iter=20),
    ],
    ids=["regression", "pipeline", "network"],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_linear_steps_of_estimators_are_one_and_predict_as_scikit_learn_does(
    estimator: Any,
) -> None:
    estimator.fit(ROWS, ROWS.sum(axis=1))
    model = onnx.load_from_string(to_onnx(estimator, INPUTS, Task.REGRESSION, "float64"))
    assert "Gemm" in operators(model)
    assert "MatMul" not in operators(model)
    (values,) = run(model, ROWS)
    np.testing.assert_allclose(values.ravel(), estimator.predict(ROWS), rtol=1e-10)
