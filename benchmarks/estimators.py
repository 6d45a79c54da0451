"""The estimators that are served. Each rival fits them with its own scikit-learn:

python estimators.py NAME FILE.joblib
"""

import sys
from collections.abc import Callable
from typing import Any

import joblib
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LinearRegression

Fitting = tuple[Any, Any, Any]
"""An estimator that is not fitted, rows of shape (n, features), and their targets."""


def point() -> Fitting:
    """One number in, a linear model."""
    x = np.linspace(-5, 5, 101)
    return LinearRegression(), x.reshape(-1, 1), 2 * x + 3


def linear() -> Fitting:
    """Ten numbers in, a linear model."""
    return LinearRegression(), *_diabetes()


def forest() -> Fitting:
    """Ten numbers in, a random forest of 100 trees."""
    return RandomForestRegressor(100, random_state=0), *_diabetes()


def large_forest() -> Fitting:
    """Ten numbers in, a random forest of 500 trees."""
    return RandomForestRegressor(500, random_state=0), *_diabetes()


def kernel() -> Fitting:
    """Ten numbers in, an estimator without ONNX form, which scikit-learn runs: a costly call."""
    return KernelRidge(kernel="rbf"), *_diabetes()


ESTIMATORS: dict[str, Callable[[], Fitting]] = {
    made.__name__: made for made in (point, linear, forest, large_forest, kernel)
}


def _diabetes() -> tuple[Any, Any]:
    rows, target = load_diabetes(return_X_y=True)
    return rows, target


if __name__ == "__main__":
    estimator, rows, target = ESTIMATORS[sys.argv[1]]()
    joblib.dump(estimator.fit(rows, target), sys.argv[2])
