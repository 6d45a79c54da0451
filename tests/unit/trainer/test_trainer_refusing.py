"""What an estimator raises is told of the step that raised it, with the data and a way forward."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trainer_builders import LINEAR, order, settings, trained

from perennial_core.resource.training import Streaming
from perennial_trainer.failure import SpecError
from perennial_trainer.streaming.streamed import streamed

SCALE = {"name": "scale", "class": "sklearn.preprocessing.StandardScaler"}
ENCODE = {"name": "encode", "class": "sklearn.preprocessing.OneHotEncoder"}
PREDICT = {"name": "predict", **LINEAR}
SGD = {"name": "predict", "class": "sklearn.linear_model.SGDRegressor"}
X = np.arange(40.0)
COLORS = np.resize(np.array(["red", "blue"], dtype=object), 40)
LAST = [*COLORS[:-1], "rare"]


def search(**params: Any) -> dict[str, Any]:
    return {
        "class": "sklearn.model_selection.GridSearchCV",
        "params": {"estimator": {"class": "sklearn.linear_model.Ridge"}, "param_grid": params},
    }


PICK = {
    "name": "pick",
    "class": "sklearn.compose.ColumnTransformer",
    "params": {"transformers": [["all", "passthrough", ["x"]]]},
}
PCA = {"name": "pca", "class": "sklearn.decomposition.PCA", "params": {"n_components": 9}}
NEAREST = {"class": "sklearn.neighbors.KNeighborsRegressor", "params": {"n_neighbors": 500}}
FIELD = "spec.training.estimator"
FIT = "cannot be fitted to this data (points.csv): "
OWN = "cannot predict for its own data (points.csv): "

TOLD: list[tuple[Mapping[str, Any], dict[str, Any], str, str]] = [
    (
        {"x": X, "color": COLORS},
        {"steps": [SCALE, PREDICT]},
        f"{FIELD}.steps[scale]: sklearn.preprocessing.StandardScaler {FIT}could not convert string",
        "; columns of text, which have to be encoded before: 'color'",
    ),
    (
        {"x": [f"{x:.0f},5" for x in X]},
        {"steps": [SCALE, PREDICT]},
        f"{FIELD}.steps[scale]: sklearn.preprocessing.StandardScaler {FIT}could not convert string",
        "; write numbers without commas, with a point before decimals",
    ),
    (
        {"x": X, "color": COLORS},
        {"steps": [PREDICT]},
        f"{FIELD}.steps[predict]: sklearn.linear_model.LinearRegression {FIT}could not convert",
        "; columns of text, which have to be encoded before: 'color'",
    ),
    (
        {"x": [None, *X[1:]], "z": X},
        {"steps": [SCALE, PREDICT]},
        f"{FIELD}.steps[predict]: sklearn.linear_model.LinearRegression {FIT}Input X contains NaN",
        "; columns that miss values: 'x'",
    ),
    (
        {"x": X},
        {"steps": [SCALE, PICK, PREDICT]},
        f"{FIELD}.steps[pick]: sklearn.compose.ColumnTransformer {FIT}Specifying the columns using",
        "; what other steps give has no names: put this step first, or write positions",
    ),
    (
        {"x": X},
        {"steps": [PCA, PREDICT]},
        f"{FIELD}.steps[pca]: sklearn.decomposition.PCA {FIT}n_components=9 must be between 0",
        "",
    ),
    (
        {"x": X},
        search(alpha=[-1, -2]),
        f"{FIELD}: sklearn.model_selection.GridSearchCV {FIT}The 'alpha' parameter of Ridge must",
        "Got -2 instead.",
    ),
    (
        {"color": LAST},
        {"steps": [ENCODE, PREDICT]},
        f"{FIELD}.steps[encode]: sklearn.preprocessing.OneHotEncoder {OWN}Found unknown categories"
        " ['rare']",
        "; they are not in the rows that it was fitted on: the encoder's parameter handle_unknown"
        " says what becomes of such",
    ),
    (
        {"x": X},
        NEAREST,
        f"{FIELD}: sklearn.neighbors.KNeighborsRegressor {OWN}Expected n_neighbors <= n_samples",
        "",
    ),
]


@pytest.mark.parametrize(("columns", "estimator", "begin", "end"), TOLD)
def test_the_step_at_fault_is_told_with_the_data(
    columns: Mapping[str, Any], estimator: dict[str, Any], begin: str, end: str
) -> None:
    with pytest.raises(SpecError) as raised:
        trained({**columns, "y": X}, estimator, holdout={"strategy": "Last"})
    told = str(raised.value)
    assert told.startswith(begin)
    assert told.endswith(end)
    assert "Traceback" not in told


def test_a_step_that_is_fitted_by_batches_is_told_too(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    lines = [f"{number},{color},{number}" for number, color in enumerate(COLORS)]
    (tmp_path / "data" / "points.csv").write_text("\n".join(["x,color,y", *lines]))
    asked = order(estimator={"steps": [SCALE, SGD]}, streaming={"batchRows": 10})
    found = streamed(asked, Streaming(batch_rows=10), settings(tmp_path))
    with pytest.raises(SpecError, match=r"^spec\.training\.estimator\.steps\[scale\]: .*'color'"):
        found.train(None, [])
