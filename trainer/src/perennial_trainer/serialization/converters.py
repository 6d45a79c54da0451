"""Converters that replace skl2onnx's own where those are wrong or miss a case.

A converter writes the nodes of one estimator into the graph; see
https://onnx.ai/sklearn-onnx/auto_tutorial/plot_icustom_converter.html
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np
from onnx import TensorProto
from onnx.numpy_helper import from_array
from skl2onnx.common.data_types import DoubleTensorType, StringTensorType
from skl2onnx.operator_converters.common import concatenate_variables
from skl2onnx.operator_converters.linear_regressor import convert_sklearn_linear_regressor
from skl2onnx.operator_converters.one_hot_encoder import convert_sklearn_one_hot_encoder
from skl2onnx.operator_converters.random_forest import (
    convert_sklearn_random_forest_classifier,
    convert_sklearn_random_forest_regressor_converter,
)
from sklearn import linear_model
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder

from perennial_core.artifact.onnx_model import MISSING_TEXT

Converter = Callable[[Any, Any, Any], None]


def convert_simple_imputer(scope: Any, operator: Any, container: Any) -> None:
    """Write ``Where(is missing, statistic, value)``.

    skl2onnx's own converter stores the statistics as float32, takes no float64 values, and no text
    with missing values other than a text.
    """
    imputer: SimpleImputer = operator.raw_operator
    values = concatenate_variables(scope, operator.inputs, container)
    kind = operator.inputs[0].type
    statistics = _constant(scope, container, "statistics", _statistics(imputer, kind))
    missing = scope.get_unique_variable_name("missing")
    if isinstance(kind, StringTensorType):
        token = _constant(scope, container, "token", np.array([MISSING_TEXT], dtype=object))
        container.add_node("Equal", [values, token], missing, op_version=19)
    else:
        container.add_node("IsNaN", values, missing, op_version=13)
    container.add_node(
        "Where", [missing, statistics, values], operator.outputs[0].full_name, op_version=9
    )


def _statistics(imputer: SimpleImputer, kind: Any) -> Any:
    """Return what replaces a missing value, shape (1, columns), in the type of the values."""
    if not _is_nan(imputer.missing_values) or imputer.add_indicator:
        raise NotImplementedError("SimpleImputer: only for NaN, and without add_indicator")
    statistics = np.asarray(imputer.statistics_, dtype=object).reshape(1, -1)
    if any(_is_nan(value) for value in statistics[0]):
        raise NotImplementedError("SimpleImputer: a column without values is dropped")
    if isinstance(kind, StringTensorType):
        return statistics
    return statistics.astype(np.float64 if isinstance(kind, DoubleTensorType) else np.float32)


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and bool(np.isnan(value))


def _constant(scope: Any, container: Any, name: str, values: Any) -> str:
    full_name: str = scope.get_unique_variable_name(name)
    if values.dtype == object:
        texts = [str(value).encode() for value in values.ravel()]
        container.add_initializer(full_name, TensorProto.STRING, values.shape, texts)
    else:
        container.add_initializer(full_name, from_array(values).data_type, values.shape, values)
    return full_name


def convert_one_hot_encoder(scope: Any, operator: Any, container: Any) -> None:
    """Refuse numbers, for which skl2onnx's converter takes 1.5 for the category 1."""
    if not all(isinstance(variable.type, StringTensorType) for variable in operator.inputs):
        raise NotImplementedError("OneHotEncoder: ONNX has no exact form for numbers")
    convert_sklearn_one_hot_encoder(scope, operator, container)


class _PlainAttributes:
    """A container whose nodes get Python's ints where skl2onnx gives numpy's, and bools."""

    def __init__(self, container: Any) -> None:
        self._container = container

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)

    def add_node(self, *args: Any, **attributes: Any) -> None:
        self._container.add_node(*args, **{name: _plain(v) for name, v in attributes.items()})


def _plain(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return [int(item) if isinstance(item, bool | np.integer) else item for item in value]


def convert_hist_gradient_boosting(scope: Any, operator: Any, container: Any) -> None:
    """Write the trees; skl2onnx's converter alone gives onnx ints that it refuses."""
    is_classifier = isinstance(operator.raw_operator, HistGradientBoostingClassifier)
    convert = (
        convert_sklearn_random_forest_classifier
        if is_classifier
        else (convert_sklearn_random_forest_regressor_converter)
    )
    convert(scope, operator, _PlainAttributes(container))


def convert_linear_regression(scope: Any, operator: Any, container: Any) -> None:
    """Give skl2onnx's converter an array: without an intercept scikit-learn has the number 0."""
    operator.raw_operator = copy(operator.raw_operator)
    operator.raw_operator.intercept_ = np.atleast_1d(operator.raw_operator.intercept_)
    convert_sklearn_linear_regressor(scope, operator, container)


_LINEAR = (
    linear_model.ARDRegression,
    linear_model.ElasticNet,
    linear_model.ElasticNetCV,
    linear_model.HuberRegressor,
    linear_model.Lars,
    linear_model.LarsCV,
    linear_model.Lasso,
    linear_model.LassoCV,
    linear_model.LassoLars,
    linear_model.LassoLarsCV,
    linear_model.LassoLarsIC,
    linear_model.LinearRegression,
    linear_model.OrthogonalMatchingPursuit,
    linear_model.OrthogonalMatchingPursuitCV,
    linear_model.QuantileRegressor,
    linear_model.Ridge,
    linear_model.RidgeCV,
    linear_model.TheilSenRegressor,
)

CONVERTERS: dict[type, Converter] = {
    **dict.fromkeys(_LINEAR, convert_linear_regression),
    SimpleImputer: convert_simple_imputer,
    OneHotEncoder: convert_one_hot_encoder,
    HistGradientBoostingClassifier: convert_hist_gradient_boosting,
    HistGradientBoostingRegressor: convert_hist_gradient_boosting,
}
