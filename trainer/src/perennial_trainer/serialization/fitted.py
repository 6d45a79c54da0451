"""Looks into fitted estimators: what is too large for ONNX, and what holds trees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

MOST_TREE_NODES = 2_000_000
"""skl2onnx holds some ten Python objects for each node: about 2 GiB for so many."""
MOST_COMPARED_ROWS = 1_000
"""Graphs of nearest neighbours and Gaussian processes hold a matrix of every row asked for times
every row trained on; scikit-learn itself uses trees or goes piece by piece."""


def too_large_for_onnx(estimator: Any) -> str | None:
    """Return why a fitted estimator should not be tried as ONNX; None when it can be."""
    parts = list(_parts(estimator))
    nodes = sum(getattr(getattr(part, "tree_", None), "node_count", 0) for part in parts)
    if nodes > MOST_TREE_NODES:
        return f"its trees have {nodes} nodes, more than {MOST_TREE_NODES}"
    compared = max((_compared_rows(part) for part in parts), default=0)
    if compared > MOST_COMPARED_ROWS:
        return f"it compares with {compared} training rows, more than {MOST_COMPARED_ROWS}"
    return None


def has_trees(estimator: Any) -> bool:
    """Return whether a fitted estimator predicts by trees, alone or among others."""
    return any(hasattr(part, "tree_") or hasattr(part, "_predictors") for part in _parts(estimator))


def _compared_rows(part: Any) -> int:
    gaussian_process = getattr(part, "X_train_", None)
    rows = getattr(part, "n_samples_fit_", 0)
    return max(int(rows), 0 if gaussian_process is None else len(gaussian_process))


def _parts(value: Any) -> Iterator[Any]:
    """Yield an estimator and all fitted estimators inside it."""
    if isinstance(value, BaseEstimator):
        yield value
        for name, inner in vars(value).items():
            if name.endswith("_") or name == "steps":
                yield from _parts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _parts(inner)
    elif isinstance(value, dict):
        yield from _parts(list(value.values()))
    elif isinstance(value, np.ndarray) and value.dtype == object:
        yield from _parts(value.ravel().tolist())
