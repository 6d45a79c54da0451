"""Estimators are built from the spec, from allowed modules only."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from trainer_builders import order

from perennial_core.manifest import Task
from perennial_trainer.estimator.build import build_estimator, task_of
from perennial_trainer.failure import SpecError


def build(spec: dict[str, Any], allowed: tuple[str, ...] = ("sklearn",)) -> Any:
    return build_estimator(order(estimator=spec).training.estimator, allowed)


def task(spec: dict[str, Any]) -> Task:
    return task_of(build(spec), order(estimator=spec).training.estimator)


RIDGE = {"class": "sklearn.linear_model.Ridge", "params": {"alpha": 2.0}}


def test_a_class_gets_its_params() -> None:
    assert build(RIDGE).get_params()["alpha"] == 2.0


def test_a_param_may_be_null() -> None:
    spec = {"class": "sklearn.tree.DecisionTreeRegressor", "params": {"max_depth": None}}
    assert build(spec).max_depth is None


def test_steps_become_a_pipeline() -> None:
    steps = [{"name": "scale", "class": "sklearn.preprocessing.StandardScaler"}]
    built = build({"steps": [*steps, {"name": "predict", **RIDGE}]})
    assert isinstance(built, Pipeline)
    assert [(name, type(step)) for name, step in built.steps] == [
        ("scale", StandardScaler),
        ("predict", Ridge),
    ]


def test_a_param_may_be_an_object() -> None:
    kernel = {"class": "sklearn.gaussian_process.kernels.RBF", "params": {"length_scale": 3.0}}
    spec = {"class": "sklearn.gaussian_process.GaussianProcessRegressor"}
    assert build({**spec, "params": {"kernel": kernel}}).kernel == RBF(3.0)


def test_named_objects_in_a_list_become_tuples() -> None:
    voting = build(
        {
            "class": "sklearn.ensemble.VotingRegressor",
            "params": {"estimators": [["one", RIDGE], ["two", RIDGE]]},
        }
    )
    assert isinstance(voting, VotingRegressor)
    assert [(name, type(part)) for name, part in voting.estimators] == [
        ("one", Ridge),
        ("two", Ridge),
    ]


def test_a_column_transformer_can_be_written() -> None:
    scaler = {"class": "sklearn.preprocessing.StandardScaler"}
    built = build(
        {
            "class": "sklearn.compose.ColumnTransformer",
            "params": {"transformers": [["a", scaler, ["x"]], ["b", "passthrough", ["z"]]]},
        }
    )
    assert isinstance(built, ColumnTransformer)
    assert [(type(t), columns) for _, t, columns in built.transformers] == [
        (StandardScaler, ["x"]),
        (str, ["z"]),
    ]


def test_a_list_becomes_a_tuple_where_only_a_tuple_is_taken() -> None:
    scaler = {"class": "sklearn.preprocessing.MinMaxScaler", "params": {"feature_range": [0, 2]}}
    assert isinstance(build(scaler), MinMaxScaler)
    assert build(scaler).feature_range == (0, 2)


def test_a_list_stays_one_where_it_is_taken() -> None:
    spec = {"class": "sklearn.neural_network.MLPRegressor"}
    layers = build({**spec, "params": {"hidden_layer_sizes": [5, 3]}}).hidden_layer_sizes
    assert layers == [5, 3]


REFUSED: list[tuple[dict[str, Any], str]] = [
    (
        {"class": "os.system"},
        "spec.training.estimator.class: os.system is not allowed; classes may come",
    ),
    ({"class": "sklearnx.Evil"}, "spec.training.estimator.class: sklearnx.Evil is not allowed"),
    ({"class": "builtins.eval"}, "spec.training.estimator.class: builtins.eval is not allowed"),
    (
        {"class": "sklearn.utils.fixes.parse_version"},
        "spec.training.estimator.class: sklearn.utils.fixes has no class 'parse_version'",
    ),
    (
        {"class": "sklearn.utils.validation.ComplexWarning"},
        "spec.training.estimator.class: numpy.exceptions.ComplexWarning is not allowed",
    ),
    (
        {"class": "sklearn.linear_model.LinearRegresion"},
        "spec.training.estimator.class: sklearn.linear_model has no class 'LinearRegresion'; did"
        " you mean LinearRegression?",
    ),
    (
        {"class": "sklearn.linear_modle.Ridge"},
        "spec.training.estimator.class: sklearn.linear_modle.Ridge cannot be imported",
    ),
    (
        {"class": "sklearn.linear_model.Ridge", "params": {"alfa": 1}},
        "spec.training.estimator.params: Ridge has no 'alfa'; it has: alpha, fit_intercept",
    ),
    (
        {"class": "sklearn.naive_bayes.GaussianNB", "params": {"alpha": 1}},
        "spec.training.estimator.params: GaussianNB has no 'alpha'; it has: priors, var_smoothing",
    ),
    (
        {"class": "sklearn.ensemble.VotingRegressor"},
        "spec.training.estimator: sklearn.ensemble.VotingRegressor cannot be made: ",
    ),
    (
        {
            "class": "sklearn.ensemble.BaggingRegressor",
            "params": {"estimator": {"class": "os.system"}},
        },
        "spec.training.estimator.params.estimator.class: os.system is not allowed",
    ),
    (
        {
            "steps": [
                {"name": "scale", "class": "sklearn.preprocessing.Scaler"},
                {"name": "predict", "class": "sklearn.linear_model.Ridge"},
            ]
        },
        "spec.training.estimator.steps[scale].class: sklearn.preprocessing has no class 'Scaler'",
    ),
    (
        {
            "steps": [
                {"name": "predict", "class": "sklearn.preprocessing.StandardScaler"},
                {"name": "predict", "class": "sklearn.linear_model.Ridge"},
            ]
        },
        "spec.training.estimator.steps: two steps have the same name",
    ),
]


FOREST = "sklearn.ensemble.RandomForestRegressor"
REFUSED += [
    (
        {"class": FOREST, "params": {"n_estimators": -1}},
        "spec.training.estimator.params.n_estimators: The 'n_estimators' parameter of"
        " RandomForestRegressor must be an int in the range [1, inf). Got -1 instead.",
    ),
    (
        {"class": FOREST, "params": {"n_estimators": "10"}},
        "spec.training.estimator.params.n_estimators: The 'n_estimators' parameter of"
        " RandomForestRegressor must be an int in the range [1, inf). Got '10' instead. To YAML"
        " '10' is a text; write 10, without quotes",
    ),
    (
        {"class": "sklearn.linear_model.Ridge", "params": {"alpha": "1e-3"}},
        "spec.training.estimator.params.alpha: The 'alpha' parameter of Ridge must be a float in"
        " the range [0.0, inf) or an array-like. Got '1e-3' instead. To YAML '1e-3' is a text;"
        " write 0.001, without quotes",
    ),
    (
        {"class": FOREST, "params": {"max_depth": "None"}},
        "spec.training.estimator.params.max_depth: The 'max_depth' parameter of"
        " RandomForestRegressor must be an int in the range [1, inf) or None. Got 'None' instead."
        " To YAML None is a text; write null",
    ),
    (
        {
            "steps": [
                {
                    "name": "scale",
                    "class": "sklearn.preprocessing.StandardScaler",
                    "params": {"with_mean": "yes"},
                },
                {"name": "predict", **RIDGE},
            ]
        },
        "spec.training.estimator.steps[scale].params.with_mean: The 'with_mean' parameter of Stan",
    ),
    (
        {
            "class": "sklearn.ensemble.BaggingRegressor",
            "params": {"estimator": {**RIDGE, "params": {"alpha": -1}}},
        },
        "spec.training.estimator.params.estimator.params.alpha: The 'alpha' parameter of Ridge",
    ),
    (
        {"class": "sklearn.ensemble.BaggingRegressor", "params": {"estimator": "Ridge"}},
        "spec.training.estimator.params.estimator: The 'estimator' parameter of BaggingRegressor"
        " must be an object implementing 'fit' and 'predict'",
    ),
]
REFUSED += [
    (
        {"class": "sklearn.linear_model.RandomForestRegressor"},
        "spec.training.estimator.class: sklearn.linear_model has no class 'RandomForestRegressor';"
        " did you mean sklearn.ensemble.RandomForestRegressor?",
    ),
    (
        {"class": "sklearn.RandomForrestRegressor"},
        "spec.training.estimator.class: sklearn has no class 'RandomForrestRegressor'; did you mean"
        " sklearn.ensemble.RandomForestRegressor?",
    ),
    (
        {"class": "sklearn.linear.HistGradientBoostingRegressor"},
        "spec.training.estimator.class: sklearn.linear.HistGradientBoostingRegressor cannot be"
        " imported: No module named 'sklearn.linear'; did you mean"
        " sklearn.ensemble.HistGradientBoostingRegressor?",
    ),
]
SCALER = {"class": "sklearn.preprocessing.StandardScaler"}
WORDS = {"class": "sklearn.feature_extraction.text.TfidfVectorizer"}


def prepared(*entries: Any, name: str = "prepare") -> dict[str, Any]:
    """Return a pipeline whose first step is a ColumnTransformer."""
    transformer = {
        "class": "sklearn.compose.ColumnTransformer",
        "params": {"transformers": [*entries]},
    }
    return {"steps": [{"name": name, **transformer}, {"name": "predict", **RIDGE}]}


ENTRIES = "spec.training.estimator.steps[prepare].params.transformers"
REFUSED += [
    (
        {"steps": [{"name": "one", **RIDGE}, {"name": "two", **RIDGE}]},
        "spec.training.estimator.steps[one].class: Ridge does not transform, and only the last"
        " step predicts",
    ),
    (
        prepared(["n", SCALER, ["x"]], name="memory"),
        "spec.training.estimator.steps[memory].name: a step cannot have this name, for a pipeline",
    ),
    (
        prepared(["n", SCALER, ["x"]], name="a__b"),
        "spec.training.estimator.steps[a__b].name: a step cannot have this name, for it has __",
    ),
    (
        prepared(["t", WORDS, "x"], ["n", SCALER]),
        f"{ENTRIES}[1]: must be [name, transformer, [column, ...]], not ('n', StandardScaler())",
    ),
    (
        prepared({"name": "n", "columns": ["x"]}),
        f"{ENTRIES}[0]: must be [name, transformer, [column, ...]], not {{'columns': ['x'],",
    ),
    (
        prepared(["n", "sklearn.preprocessing.StandardScaler", ["x"]]),
        f"{ENTRIES}[0][1]: must be {{class: sklearn.preprocessing.StandardScaler}}, drop or passth",
    ),
    (
        prepared(["n", SCALER, "x"]),
        f"{ENTRIES}[0][2]: StandardScaler takes a list of columns; write [x]",
    ),
    (
        prepared(["t", WORDS, ["x"]]),
        f"{ENTRIES}[0][2]: TfidfVectorizer takes one column of texts; write its name, not a list",
    ),
]
FINE = [
    prepared(["n", SCALER, ["x"]], ["m", "passthrough", [0]], ["t", WORDS, "text"]),
    prepared(
        ["t", {"class": "sklearn.pipeline.Pipeline", "params": {"steps": [["w", WORDS]]}}, "text"]
    ),
    prepared(["f", {"class": "sklearn.preprocessing.FunctionTransformer"}, "x"]),
    prepared(
        ["s", SCALER, {"class": "sklearn.compose.make_column_selector", "params": {"pattern": "x"}}]
    ),
]


@pytest.mark.parametrize("spec", FINE)
def test_columns_are_taken_as_a_list_or_alone_by_what_takes_them_so(spec: dict[str, Any]) -> None:
    assert isinstance(build(spec), Pipeline)


def test_what_is_no_estimator_is_left_to_the_fit() -> None:
    kernel = {"class": "sklearn.gaussian_process.kernels.RBF"}
    assert isinstance(build(prepared(["k", kernel, ["x"]])), Pipeline)


@pytest.mark.parametrize(("spec", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_a_wrong_estimator_is_refused_with_its_field(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError) as raised:
        build(spec)
    assert str(raised.value).startswith(message)


class AutoRidge(Ridge):  # type: ignore[misc]
    """Takes what its base does not, as a subclass may."""


def test_what_is_not_of_scikit_learn_is_not_held_to_its_declarations() -> None:
    spec = {"class": f"{__name__}.AutoRidge", "params": {"alpha": "auto"}}
    assert build(spec, (__name__,)).alpha == "auto"


def test_further_modules_can_be_allowed() -> None:
    spec = {"class": "collections.OrderedDict"}
    with pytest.raises(SpecError, match=r"PERENNIAL_ALLOWED_MODULES .*operator\.allowedModules"):
        build(spec)
    assert build(spec, ("sklearn", "collections")) == {}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("sklearn.linear_model.Ridge", Task.REGRESSION),
        ("sklearn.svm.SVC", Task.CLASSIFICATION),
    ],
)
def test_the_estimator_tells_the_task(path: str, expected: Task) -> None:
    assert task({"class": path}) is expected
    steps = [
        {"name": "scale", "class": "sklearn.preprocessing.StandardScaler"},
        {"name": "predict", "class": path},
    ]
    assert task({"steps": steps}) is expected


@pytest.mark.parametrize("path", ["sklearn.cluster.KMeans", "sklearn.preprocessing.StandardScaler"])
def test_what_predicts_neither_numbers_nor_classes_is_refused(path: str) -> None:
    with pytest.raises(SpecError, match=f"{path} is neither a regressor nor a classifier"):
        task({"class": path})
