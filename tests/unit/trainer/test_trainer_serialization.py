"""Nothing is published that does not predict what the estimator predicts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestRegressor
from sklearn.neighbors import KNeighborsRegressor
from trainer_builders import LINEAR, loaded, trained

from perennial_core.artifact import Predictions, skops_model
from perennial_core.manifest import ArtifactFormat
from perennial_trainer.failure import SpecError
from perennial_trainer.serialization import fitted, onnx_graph
from perennial_trainer.serialization.fitted import has_trees, too_large_for_onnx
from perennial_trainer.serialization.parity import Disparity, joined, parity_error

RNG = np.random.default_rng(0)
N = 120
X = RNG.normal(size=N)
Z = RNG.normal(size=N)
Y = 2 * X - Z + RNG.normal(size=N)
FOREST = {"class": "sklearn.ensemble.RandomForestRegressor", "params": {"n_estimators": 5}}


def numbers(*values: float) -> Predictions:
    return Predictions(np.array(values, dtype=np.float64))


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_the_error_of_numbers_is_a_share_of_their_range(scale: float, offset: float) -> None:
    expected = numbers(*(scale * (offset + value) for value in (0, 1, 2)))
    actual = numbers(*(scale * (offset + value) for value in (0, 1, 2.002)))
    assert parity_error(expected, actual, 0.01) == pytest.approx(0.001, rel=1e-6)
    with pytest.raises(Disparity, match=r"predictions differ by 1\.0e-03, more than 1e-04"):
        parity_error(expected, actual, 1e-4)


def test_equal_predictions_are_compared_by_their_size() -> None:
    assert parity_error(numbers(5, 5), numbers(5, 5.05), 0.1) == pytest.approx(0.01)
    assert parity_error(numbers(0, 0), numbers(0, 0), 1e-6) == 0


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_a_prediction_that_is_no_number_is_a_disparity(odd: float) -> None:
    with pytest.raises(Disparity):
        parity_error(numbers(1, 2), numbers(1, odd), 1e-4)


def test_one_label_that_differs_is_a_disparity() -> None:
    expected = Predictions(np.array(["a", "b", "b"], dtype=object))
    assert parity_error(expected, expected, 1e-6) == 0
    with pytest.raises(Disparity, match="labels differ in 1 of 3 rows"):
        parity_error(expected, Predictions(np.array(["a", "b", "a"], dtype=object)), 1e-6)


def test_probabilities_are_compared_too() -> None:
    values = np.array([0, 1])
    expected = Predictions(values, np.array([[0.9, 0.1], [0.2, 0.8]]))
    actual = Predictions(values, np.array([[0.9, 0.1], [0.3, 0.7]]))
    with pytest.raises(Disparity, match="probabilities differ"):
        parity_error(expected, actual, 1e-4)
    with pytest.raises(Disparity, match="another shape"):
        parity_error(expected, Predictions(values), 1e-4)


@settings(deadline=None)
@given(st.lists(st.lists(st.floats(-10, 10), min_size=1, max_size=5), min_size=1, max_size=5))
def test_joined_predictions_are_those_of_all_pieces(pieces: list[list[float]]) -> None:
    found = joined([numbers(*piece) for piece in pieces])
    assert found.values.tolist() == [value for piece in pieces for value in piece]


def test_a_linear_model_is_exact_in_float64() -> None:
    parity = trained({"x": X, "z": Z, "y": Y}).serialized.parity
    assert (parity.precision, parity.tolerance) == ("float64", 1e-6)
    assert parity.error < 1e-12


@pytest.mark.parametrize("name", ["LinearRegression", "Ridge", "Lasso", "HuberRegressor"])
def test_a_linear_model_without_an_intercept_is_onnx_in_float64(name: str) -> None:
    line = {"class": f"sklearn.linear_model.{name}", "params": {"fit_intercept": False}}
    serialized = trained({"x": X, "z": Z, "y": Y}, line).serialized
    assert serialized.signature.format is ArtifactFormat.ONNX
    assert (serialized.parity.precision, serialized.parity.error < 1e-12) == ("float64", True)


def test_trees_are_float32_as_in_scikit_learn() -> None:
    serialized = trained({"x": X, "z": Z, "y": Y}, FOREST).serialized
    assert serialized.signature.format is ArtifactFormat.ONNX
    assert serialized.parity.precision == "float32"


def test_numbers_too_large_for_float32_are_not_published_as_float32() -> None:
    support_vectors = {"class": "sklearn.svm.SVR", "params": {"gamma": 1e-4}}
    stamps = 1.7e9 + np.arange(N)
    serialized = trained({"time": stamps, "y": np.sin(stamps / 20)}, support_vectors).serialized
    assert serialized.signature.format is ArtifactFormat.SKOPS


def test_trees_that_send_missing_values_their_own_way_are_not_onnx() -> None:
    x = X.copy()
    x[::5] = np.nan
    y = np.where(np.isnan(x) | (x < 0), -100.0, 100.0)  # missing values go left, with the small
    candidate = trained({"x": x, "z": Z, "y": y}, FOREST)
    assert candidate.serialized.signature.format is ArtifactFormat.SKOPS
    assert loaded(candidate).predict_matrix(np.array([[np.nan, 0.0]])).values < -50
    reason = candidate.serialized.format_reason
    assert reason is not None
    assert reason.startswith("as ONNX: predictions differ by ")
    assert reason.endswith("only in rows that miss values; a SimpleImputer as a step fills them")


@pytest.mark.parametrize(
    "trees",
    ["tree.DecisionTree", "tree.ExtraTree", "ensemble.RandomForest", "ensemble.ExtraTrees"],
)
@pytest.mark.parametrize("kind", ["Regressor", "Classifier"])
def test_trees_behind_an_imputer_are_onnx_in_spite_of_missing_values(trees: str, kind: str) -> None:
    x = X.copy()
    x[::5] = np.nan
    y = np.where(np.isnan(x) | (x < 0), -100.0, 100.0)
    columns = {"x": x, "z": Z, "y": y if kind == "Regressor" else y > 0}
    predict = {"class": f"sklearn.{trees}{kind}", "params": {"random_state": 0}}
    fill = {"name": "fill", "class": "sklearn.impute.SimpleImputer"}
    alone = trained(columns, predict).serialized
    filled = trained(columns, {"steps": [fill, {"name": "predict", **predict}]}).serialized
    assert "only in rows that miss values; a SimpleImputer" in str(alone.format_reason)
    assert (filled.signature.format, filled.format_reason) == (ArtifactFormat.ONNX, None)


def test_a_reason_tells_of_each_attempt_that_failed_in_its_own_way() -> None:
    kernel = {"class": "sklearn.kernel_ridge.KernelRidge"}
    reason = trained({"x": X, "y": Y}, kernel).serialized.format_reason
    assert reason == "as ONNX: skl2onnx has no converter for KernelRidge"
    support_vectors = {"class": "sklearn.svm.SVR", "params": {"gamma": 1e-4}}
    stamps = 1.7e9 + np.arange(N)
    columns = {"time": stamps, "y": np.sin(stamps / 20)}
    reason = str(trained(columns, support_vectors).serialized.format_reason)
    assert "as ONNX (float64): " in reason
    assert "; as ONNX (float32): predictions differ by" in reason
    assert "miss values" not in reason


def test_numbers_as_categories_are_not_cut_to_whole_ones() -> None:
    steps = [
        {
            "name": "encode",
            "class": "sklearn.preprocessing.OneHotEncoder",
            "params": {"handle_unknown": "ignore"},
        },
        {"name": "predict", **LINEAR},
    ]
    level = np.resize([1.0, 2.0], N)
    model = loaded(trained({"level": level, "y": 10 * level}, {"steps": steps}))
    one, unknown = model.predict_matrix(np.array([[1.0], [1.5]])).values
    assert one == pytest.approx(10)
    assert unknown != pytest.approx(10)


def test_an_estimator_that_predicts_at_random_is_refused() -> None:
    dummy = {"class": "sklearn.dummy.DummyClassifier", "params": {"strategy": "uniform"}}
    with pytest.raises(SpecError, match=r"nothing can be published.*as skops: labels differ in"):
        trained({"x": X, "y": Y > 0}, dummy)


def test_a_disparity_of_onnx_alone_ends_in_skops(monkeypatch: pytest.MonkeyPatch) -> None:
    converted = onnx_graph._convert

    def wrong(estimator: Any, types: Any, task: Any) -> Any:
        shifted = type(estimator)().fit([[0.0, 0.0], [1.0, 1.0]], [7.0, 9.0])
        return converted(shifted, types, task)

    monkeypatch.setattr(onnx_graph, "_convert", wrong)
    candidate = trained({"x": X, "z": Z, "y": Y})
    assert candidate.serialized.signature.format is ArtifactFormat.SKOPS
    assert candidate.metrics.candidate["r2"] == pytest.approx(
        trained({"x": X, "z": Z, "y": Y}).metrics.candidate["r2"]
    )


def test_a_type_that_is_not_trusted_is_named_and_can_be_trusted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    columns = {"x": X, "y": np.where(Y > 1, "high", np.where(Y < -1, "low", "mid"))}
    estimator = {"class": "sklearn.gaussian_process.GaussianProcessClassifier"}
    needed = trained(columns, estimator).serialized.signature.trusted_types
    kernel = "sklearn.gaussian_process.kernels.RBF"
    assert kernel in needed
    monkeypatch.setattr(skops_model, "TRUSTED_TYPES", frozenset(needed) - {kernel})
    with pytest.raises(SpecError, match=r"not trusted: sklearn\.gaussian_process\.kernels\.RBF;"):
        trained(columns, estimator)
    assert trained(columns, estimator, trusted_types=[kernel]).serialized.parity.error == 0


def test_the_manifest_names_what_made_the_artifact() -> None:
    onnx = trained({"x": X, "y": Y}).serialized.signature.libraries
    skops = trained({"x": X, "y": Y}, {"class": "sklearn.kernel_ridge.KernelRidge"})
    assert set(onnx) == {"numpy", "onnx", "scikit-learn", "skl2onnx"}
    assert set(skops.serialized.signature.libraries) == {"numpy", "scikit-learn", "skops"}


def test_the_same_rows_and_spec_make_the_same_bytes() -> None:
    one, two = (trained({"x": X, "z": Z, "y": Y}).serialized.artifact for _ in range(2))
    assert one == two


def test_large_forests_are_not_tried_as_onnx(monkeypatch: pytest.MonkeyPatch) -> None:
    forest = RandomForestRegressor(n_estimators=3).fit(X.reshape(-1, 1), Y)
    assert too_large_for_onnx(forest) is None
    monkeypatch.setattr(fitted, "MOST_TREE_NODES", 50)
    assert "nodes, more than 50" in str(too_large_for_onnx(forest))


def test_neighbours_among_many_rows_are_not_tried_as_onnx() -> None:
    x = np.arange(1001.0).reshape(-1, 1)
    neighbours = KNeighborsRegressor().fit(x, x.ravel())
    assert too_large_for_onnx(neighbours) == "it compares with 1001 training rows, more than 1000"
    assert too_large_for_onnx(neighbours.fit(x[:1000], x[:1000].ravel())) is None


def test_trees_are_found_inside_of_other_estimators() -> None:
    frame = pd.DataFrame({"x": X})
    voting = {
        "class": "sklearn.ensemble.VotingRegressor",
        "params": {"estimators": [["linear", LINEAR], ["forest", FOREST]]},
    }
    assert trained({"x": X, "y": Y}, voting).serialized.parity.precision == "float32"
    assert not has_trees(KNeighborsRegressor().fit(frame, Y))
