"""Resources and data of the end-to-end tests."""

from __future__ import annotations

from typing import Any

import numpy as np

Body = dict[str, Any]
NAME = "points"


def points(rows: int = 200, *, slope: float = 2.0, seed: int = 0) -> str:
    """Return a CSV file with y = slope * x + 3 and a little noise."""
    random = np.random.default_rng(seed)
    x = random.uniform(0, 100, rows)
    y = slope * x + 3 + random.normal(0, 0.1, rows)
    return "x,y\n" + "".join(f"{a!r},{b!r}\n" for a, b in zip(x.tolist(), y.tolist(), strict=True))


def two_columns() -> str:
    """Return a CSV file like that of ``points``, in which z is as good as x."""
    header, *lines = points().splitlines()
    return f"z,{header}\n" + "".join(f"{line.split(',')[0]},{line}\n" for line in lines)


def with_gaps() -> str:
    """Return a CSV file like that of ``points``, in which every tenth x is missing."""
    header, *lines = points().splitlines()
    gaps = (f",{line.split(',')[1]}" if i % 10 == 0 else line for i, line in enumerate(lines))
    return "\n".join([header, *gaps, ""])


def corrupted(rows: int = 200) -> str:
    """Return a CSV file like that of ``points``, in which y has nothing to do with x."""
    header, *lines = points(rows).splitlines()
    x, y = zip(*(line.split(",") for line in lines), strict=True)
    shuffled = np.random.default_rng(1).permutation(y)
    return f"{header}\n" + "".join(f"{a},{b}\n" for a, b in zip(x, shuffled, strict=True))


def feed(csv: str) -> Body:
    """Return the ConfigMap with a model's data."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "feed"},
        "data": {"points.csv": csv},
    }


def model(**spec: Any) -> Body:
    """Return a PredictionModel on the feed; ``spec`` replaces fields below training and others.

    Fields are given as ``training__schedule="* * * * *"``.
    """
    body: Body = {
        "apiVersion": "perennial.dev/v1alpha1",
        "kind": "PredictionModel",
        "metadata": {"name": NAME},
        "spec": {
            "training": {
                "data": {
                    "uri": "file:///data/points.csv",
                    "volume": {"configMap": {"name": "feed"}},
                    "target": "y",
                    "holdout": {"strategy": "Last"},
                },
                "estimator": {"class": "sklearn.linear_model.LinearRegression"},
            },
            "rollout": {"progressDeadlineSeconds": 60},
            "serving": {"replicas": 2},
        },
    }
    return _with(body, spec)


def promoted(staging: str, **spec: Any) -> Body:
    """Return a PredictionModel that takes over what serves in another namespace; ``spec`` as in
    ``model``."""
    body = model()
    del body["spec"]["training"]
    body["spec"]["promotion"] = {"from": {"namespace": staging, "name": NAME}}
    return _with(body, spec)


def _with(body: Body, spec: Body) -> Body:
    for path, value in spec.items():
        *parents, last = path.split("__")
        part = body["spec"]
        for parent in parents:
            part = part.setdefault(parent, {})
        part[last] = value
    return body
