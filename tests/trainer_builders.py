"""Builds what tests of the trainer need: orders, rows and trained candidates without files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from perennial_core.artifact import LoadedModel, load_model
from perennial_core.manifest import Task
from perennial_core.order import TrainingOrder
from perennial_core.resource.gate import GateSpec
from perennial_core.settings import TrainerSettings
from perennial_trainer.data.dataset import Dataset, build_dataset
from perennial_trainer.data.formats import FileTable
from perennial_trainer.data.holdout import divide
from perennial_trainer.data.rows import Rows
from perennial_trainer.estimator.build import build_estimator, task_of
from perennial_trainer.incumbent import Incumbent
from perennial_trainer.training import Candidate, train

LINEAR = {"class": "sklearn.linear_model.LinearRegression"}
LOGISTIC = {"class": "sklearn.linear_model.LogisticRegression"}


def order(
    *,
    estimator: Mapping[str, Any] = LINEAR,
    model: str = "tests/points",
    uri: str = "file:///data/points.csv",
    target: str = "y",
    asked: GateSpec | None = None,
    streaming: Mapping[str, Any] | None = None,
    **data: Any,
) -> TrainingOrder:
    """Return an order; ``asked`` is its gate, ``data`` holds further fields of training.data."""
    return TrainingOrder.model_validate(
        {
            "model": model,
            "training": {
                "data": {"uri": uri, "target": target, **data},
                "estimator": dict(estimator),
                "streaming": streaming,
            },
            "gate": asked or GateSpec(),
        }
    )


def gate(*names: str, **fields: Any) -> GateSpec:
    """Return a gate with a bound for each named metric; ``fields`` are its further ones."""
    metrics = [{"name": name, "min": "0"} for name in names]
    return GateSpec.model_validate({"metrics": metrics, **fields})


def settings(folder: Path, **given: Any) -> TrainerSettings:
    """Return settings under which /data is the folder ``data`` below the given one."""
    return TrainerSettings(
        **{
            "run_id": "run",
            "training_file": folder / "training.json",
            "data_directory": folder / "data",
            "credentials_directory": folder / "credentials",
            "termination_log": folder / "termination",
            **given,
        }
    )


def rows(columns: Mapping[str, Any], target: str = "y", *, files: int = 1) -> Rows:
    """Return rows as if read from one CSV file, or divided among several."""
    table = columns if isinstance(columns, pa.Table) else pa.table(dict(columns))
    features = tuple(name for name in table.column_names if name != target)
    bounds = np.linspace(0, table.num_rows, files + 1).astype(int)
    tables = [
        FileTable("points.csv" if files == 1 else f"points-{i}.csv", table.slice(a, b - a), 2)
        for i, (a, b) in enumerate(pairwise(bounds))
    ]
    return Rows(tuple(tables), features, target)


def dataset(columns: Mapping[str, Any], target: str = "y", task: Task = Task.REGRESSION) -> Dataset:
    return build_dataset(rows(columns, target), task)


def trained(
    columns: Mapping[str, Any],
    estimator: Mapping[str, Any] = LINEAR,
    target: str = "y",
    *,
    trusted_types: Sequence[str] = (),
    asked: GateSpec | None = None,
    incumbent: Incumbent | None = None,
    **data: Any,
) -> Candidate:
    """Return the candidate of an estimator given by its spec."""
    given = order(estimator=estimator, target=target, asked=asked, **data)
    unfitted = build_estimator(given.training.estimator, ["sklearn"])
    task = task_of(unfitted, given.training.estimator)
    built = dataset(columns, target, task)
    division = divide(built, given.training.data.holdout, task)
    texts = built.without_numbers()
    return train(given, unfitted, task, texts, division, incumbent, trusted_types)


def loaded(candidate: Candidate) -> LoadedModel:
    """Return a candidate's model, loaded again from its bytes."""
    return load_model(candidate.serialized.signature, candidate.serialized.artifact)
