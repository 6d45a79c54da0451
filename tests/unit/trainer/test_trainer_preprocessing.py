"""An estimator given by its class alone gets the preprocessing that the columns need, no more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline
from trainer_builders import LINEAR, dataset, loaded, trained

from perennial_core.manifest import ArtifactFormat
from perennial_trainer.estimator.preprocessing import MOST_CATEGORIES, with_preprocessing
from perennial_trainer.failure import DataError, SpecError

N = 60
X = np.linspace(0, 10, N)
COLORS = np.resize(np.array(["red", "green", "blue"], dtype=object), N)
Y = 2 * X + 3


def missing_at(values: Any, *rows: int) -> list[Any]:
    found = list(values)
    for row in rows:
        found[row] = None
    return found


def test_numbers_without_gaps_need_nothing() -> None:
    estimator = LinearRegression()
    assert with_preprocessing(estimator, dataset({"x": X, "b": X > 5, "y": Y})) is estimator


def test_gaps_are_filled_with_the_median_of_the_training_rows() -> None:
    candidate = trained(
        {"x": missing_at(X, 1, 40), "y": Y}, holdout={"strategy": "Last", "fraction": "0.5"}
    )
    model = loaded(candidate)
    median = float(np.median([x for row, x in enumerate(X[:30]) if row != 1]))
    filled, given = model.predict_matrix(np.array([[np.nan], [median]])).values
    assert filled == given
    assert model.manifest.inputs[0].nullable


def test_gaps_stay_where_the_estimator_takes_them() -> None:
    columns = {"x": missing_at(X, 1), "y": Y}
    estimator = HistGradientBoostingRegressor()
    assert with_preprocessing(estimator, dataset(columns)) is estimator
    assert isinstance(with_preprocessing(LinearRegression(), dataset(columns)), Pipeline)


def test_texts_become_one_column_for_each_category() -> None:
    model = loaded(trained({"color": COLORS, "x": X, "y": Y + 5 * (COLORS == "red")}))
    given = {"color": np.array(["red", "blue"], dtype=object), "x": np.array([1, 1])}
    assert model.predict(given).values == pytest.approx([10, 5])


def test_unknown_text_is_none_of_the_categories() -> None:
    model = loaded(trained({"color": COLORS, "y": np.where(COLORS == "red", 7.0, 1.0)}))
    given = {"color": np.array(["purple", "nan", ""], dtype=object)}
    predicted = model.predict(given).values
    assert predicted == pytest.approx([predicted[0]] * 3)
    assert min(abs(predicted - 7)) > 1e-3


def test_missing_text_is_a_category_of_its_own() -> None:
    colors = missing_at(COLORS, *range(0, N, 4))
    y = [9.0 if color is None else 1.0 for color in colors]
    model = loaded(trained({"color": colors, "y": y}))
    given = {"color": np.array([None, "red"], dtype=object)}
    assert model.predict(given).values == pytest.approx([9, 1])
    assert model.manifest.inputs[0].nullable


ESTIMATORS = [
    "sklearn.linear_model.LinearRegression",
    "sklearn.ensemble.HistGradientBoostingRegressor",
    "sklearn.tree.DecisionTreeRegressor",
    "sklearn.neighbors.KNeighborsRegressor",
    "sklearn.svm.SVR",
    "sklearn.neural_network.MLPRegressor",
    "sklearn.gaussian_process.GaussianProcessRegressor",
    "sklearn.ensemble.GradientBoostingRegressor",
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("path", ESTIMATORS)
def test_any_estimator_takes_numbers_bools_and_text_with_gaps(path: str) -> None:
    columns = {
        "x": missing_at(X, 2, 30, 31),
        "flag": missing_at(X > 5, 7, 8, 33),
        "color": missing_at(COLORS, 3, 4, 50),
        "y": Y,
    }
    model = loaded(trained(columns, {"class": path}))
    nothing = {"x": np.array([np.nan]), "flag": np.array([None]), "color": np.array([None])}
    assert np.isfinite(model.predict(nothing).values).all()


@pytest.mark.parametrize(
    "name", ["a b", "größe", "label", "variable", "probabilities", "features", "x/y", "{}", "0"]
)
def test_any_name_of_a_column_will_do(name: str) -> None:
    candidate = trained({name: COLORS, "other": X, "y": Y})
    assert candidate.serialized.signature.format is ArtifactFormat.ONNX
    given = {name: np.array(["red"], dtype=object), "other": np.array([1.0])}
    assert loaded(candidate).predict(given).values == pytest.approx([5])


def test_a_number_that_is_none_is_pointed_out() -> None:
    values = [f"{x:.2f}" for x in X]
    values[41] = "n.a"
    with pytest.raises(DataError, match=r"^points\.csv, line 43: column 'x' holds 'n\.a', but num"):
        trained({"x": values, "y": Y})


@pytest.mark.parametrize("shape", ["{},5", "-{},25", "1.00{},5", "{},000", "1,00{},000.5"])
def test_numbers_with_commas_are_no_categories(shape: str) -> None:
    values = [shape.format(row % 7) for row in range(N)]
    with pytest.raises(DataError) as raised:
        trained({"x": missing_at(values, 3), "y": Y})
    expected = f"points.csv: column 'x' holds numbers with commas, such as {shape.format(0)!r}; wri"
    assert str(raised.value).startswith(expected)


def test_whole_numbers_among_those_with_commas_are_no_categories_either() -> None:
    values = ["n/a" if row == 0 else f"{row}" if row % 2 else f" {row},5" for row in range(N)]
    with pytest.raises(DataError, match=r"'x' holds numbers with commas, such as ' 2,5'; write"):
        trained({"x": values, "y": Y})


@pytest.mark.parametrize("shape", ["{}, 5", "a{},5", "{},", ",{}", "{}.{}", "{},2,3", "52.{},13.4"])
def test_other_texts_with_numbers_are_categories(shape: str) -> None:
    values = [shape.format(row % 7, "b") for row in range(N)]
    assert loaded(trained({"x": values, "y": Y})).manifest.inputs[0].type == "string"


def test_too_many_categories_are_refused() -> None:
    names = [f"name {i}" for i in range(MOST_CATEGORIES + 1)]
    with pytest.raises(DataError, match="column 'id' holds 1001 different texts, too many"):
        trained({"id": names, "y": np.arange(len(names))})


def test_steps_replace_the_default_preprocessing() -> None:
    steps = [{"name": "predict", **LINEAR}]
    with pytest.raises(SpecError, match=r"cannot be fitted to this data.*NaN"):
        trained({"x": missing_at(X, 1), "y": Y}, {"steps": steps})


MIXED = {
    "name": "prepare",
    "class": "sklearn.compose.ColumnTransformer",
    "params": {
        "transformers": [
            ["numbers", {"class": "sklearn.preprocessing.StandardScaler"}, ["x"]],
            [
                "texts",
                {
                    "class": "sklearn.pipeline.Pipeline",
                    "params": {
                        "steps": [
                            [
                                "fill",
                                {
                                    "class": "sklearn.impute.SimpleImputer",
                                    "params": {"strategy": "most_frequent"},
                                },
                            ],
                            ["encode", {"class": "sklearn.preprocessing.OneHotEncoder"}],
                        ]
                    },
                },
                ["color"],
            ],
        ]
    },
}


def test_a_pipeline_may_pick_columns_by_name() -> None:
    spec = {"steps": [MIXED, {"name": "predict", **LINEAR}]}
    colors = missing_at(COLORS, 0, 1)
    candidate = trained({"x": X, "color": colors, "unused": X, "y": Y}, spec)
    given = {
        "x": np.array([1.0]),
        "color": np.array([None], dtype=object),
        "unused": np.array([np.nan]),
    }
    assert candidate.serialized.signature.format is ArtifactFormat.ONNX
    assert loaded(candidate).predict(given).values == pytest.approx([5])


def test_a_pipeline_of_numbers_may_pick_columns_by_name() -> None:
    scale = {"class": "sklearn.preprocessing.StandardScaler"}
    prepare = {
        "name": "prepare",
        "class": "sklearn.compose.ColumnTransformer",
        "params": {"transformers": [["s", scale, ["b", "a"]]], "remainder": "passthrough"},
    }
    columns = {"a": X, "b": X**2, "c": np.sqrt(X), "y": Y + np.sqrt(X)}
    model = loaded(trained(columns, {"steps": [prepare, {"name": "predict", **LINEAR}]}))
    assert model.predict_matrix(np.array([[4.0, 16.0, 2.0]])).values == pytest.approx([13])
