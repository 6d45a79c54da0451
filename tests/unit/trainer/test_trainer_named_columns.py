"""A column that the estimator names and the data lacks is told with its field, before the fit."""

from __future__ import annotations

from typing import Any

import pytest
from trainer_builders import LINEAR, order, trained

from perennial_trainer.estimator.named_columns import NamedColumn, named_columns
from perennial_trainer.failure import DataError

SCALE: dict[str, Any] = {"class": "sklearn.preprocessing.StandardScaler"}
PREDICT = {"name": "predict", **LINEAR}
TABLE = {"x": range(20), "color": ["red", "blue"] * 10, "y": range(20)}


def transformer(*entries: Any) -> dict[str, Any]:
    return {"class": "sklearn.compose.ColumnTransformer", "params": {"transformers": [*entries]}}


def pipeline(*steps: Any) -> dict[str, Any]:
    return {"class": "sklearn.pipeline.Pipeline", "params": {"steps": [*steps]}}


def picking(*columns: str | int) -> dict[str, Any]:
    """Return the steps of a pipeline that picks columns, the last of them as a second lot."""
    entries = ["one", SCALE, list(columns[:-1])], ["two", "passthrough", [columns[-1]]]
    return {"steps": [{"name": "prepare", **transformer(*entries)}, PREDICT]}


FIELD = "spec.training.estimator.steps[prepare].params.transformers"


@pytest.mark.parametrize(
    ("columns", "features", "message"),
    [
        (
            ["x", "colour"],
            None,
            f"points.csv: there is no column 'colour', which {FIELD}[1][2] names; there are: 'x',"
            " 'color' (did you mean 'color'?)",
        ),
        (
            ["z", "x"],
            None,
            f"points.csv: there is no column 'z', which {FIELD}[0][2] names; there are: 'x',"
            " 'color'",
        ),
        (
            ["x", "y"],
            None,
            f"points.csv: column 'y', which {FIELD}[1][2] names, is the target; there are: 'x',"
            " 'color'",
        ),
        (
            [0, -2, 2],
            None,
            f"points.csv: there is no column at 2, which {FIELD}[1][2] names; there are 2 features,"
            " the first of them at 0",
        ),
        (
            ["x", "width"],
            ["x", "color"],
            f"points.csv: column 'width', which {FIELD}[1][2] names, is not in"
            " spec.training.data.features; there are: 'x', 'color'",
        ),
    ],
)
def test_a_column_that_is_no_feature_is_told_before_the_fit(
    columns: list[str | int], features: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perennial_trainer.training._fit", lambda *_: pytest.fail("was fitted"))
    with pytest.raises(DataError) as raised:
        trained(TABLE, picking(*columns), features=features)
    assert str(raised.value) == message


def test_positions_in_what_the_default_preprocessing_makes_are_not_looked_for() -> None:
    entries = ["x", SCALE, [0]], ["colors", "passthrough", [1, 2]]  # one for each of the colors
    trained(TABLE, pipeline(["prepare", transformer(*entries)], ["predict", LINEAR]))


def test_of_many_columns_some_are_shown() -> None:
    wide = {f"column {i}": range(20) for i in range(1000)} | {"y": range(20)}
    with pytest.raises(DataError, match=r"'column 19', \.\.\.") as raised:
        trained(wide, picking("column 0", "width"))
    assert len(str(raised.value)) < 700


FOUND: list[tuple[dict[str, Any], list[tuple[str | int, str]]]] = [
    (LINEAR, []),
    (
        picking("a", "b", "c"),
        [("a", f"{FIELD}[0][2]"), ("b", f"{FIELD}[0][2]"), ("c", f"{FIELD}[1][2]")],
    ),
    (
        {
            "class": "sklearn.model_selection.GridSearchCV",
            "params": {
                "estimator": pipeline(["s", transformer(["n", SCALE, "a"])], ["p", LINEAR]),
                "param_grid": {"p__fit_intercept": [True, False]},
            },
        },
        [("a", ".params.estimator.params.steps[0][1].params.transformers[0][2]")],
    ),
    (
        {
            "class": "sklearn.ensemble.VotingRegressor",
            "params": {
                "estimators": [["v", pipeline(["s", transformer(["n", SCALE, ["a"]])], ["p", {}])]]
            },
        },
        [("a", ".params.estimators[0][1].params.steps[0][1].params.transformers[0][2]")],
    ),
    (
        {
            "class": "sklearn.ensemble.StackingRegressor",
            "params": {
                "estimators": [["l", LINEAR]],
                "final_estimator": pipeline(["s", transformer(["n", SCALE, [7]])], ["p", LINEAR]),
            },
        },
        [],
    ),
    (
        {"steps": [{"name": "scale", **SCALE}, {"name": "s", **transformer(["n", SCALE, ["a"]])}]},
        [],
    ),
    ({"steps": [{"name": "own", "class": "own.Wide", "params": {"o": transformer(["n"])}}]}, []),
    (
        {
            "steps": [
                {
                    "name": "s",
                    **transformer(
                        ["nested", transformer(["n", SCALE, ["b"]]), ["a"]],
                        ["by position", SCALE, [1]],
                        ["by a mask", SCALE, [True, False]],
                        ["of another form", ["c"]],
                        {"name": "n", "columns": ["c"]},
                    ),
                }
            ]
        },
        [
            ("a", ".steps[s].params.transformers[0][2]"),
            ("b", ".steps[s].params.transformers[0][1].params.transformers[0][2]"),
            (1, ".steps[s].params.transformers[1][2]"),
        ],
    ),
]


@pytest.mark.parametrize(("estimator", "found"), FOUND)
def test_what_gets_the_rows_as_they_are_names_columns_of_the_data(
    estimator: dict[str, Any], found: list[tuple[str | int, str]]
) -> None:
    named = list(named_columns(order(estimator=estimator).training.estimator))
    prefix = "spec.training.estimator"
    expected = [NamedColumn(name, prefix + field.removeprefix(prefix)) for name, field in found]
    assert named == expected
