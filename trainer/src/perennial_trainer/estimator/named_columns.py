"""The columns that a spec's ColumnTransformers name, held against those that the data has.

scikit-learn tells only when it fits that one is not there, and knows neither field nor file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from perennial_core.resource import DataSpec, EstimatorSpec
from perennial_core.resource.training import TrainingSpec
from perennial_trainer.data.dataset import Dataset
from perennial_trainer.data.rows import columns_there_are
from perennial_trainer.estimator.build import is_object
from perennial_trainer.failure import DataError

_FIELD = "spec.training.estimator"

_GET_THE_ROWS = {"estimator", "estimators", "regressor", "transformer_list"}
"""Parameters that get the rows as what has them does; a final_estimator gets predictions."""


@dataclass(frozen=True)
class NamedColumn:
    """A column, by its name or its position among the features, and where the spec names it."""

    name: str | int
    field: str


def check_named_columns(spec: TrainingSpec, dataset: Dataset) -> None:
    """Refuse an estimator that names a column that is no feature.

    Raises:
        DataError: The text names data, column and field, and the columns that there are.
    """
    features = [column.name for column in dataset.inputs]
    for column in named_columns(spec.estimator):
        if isinstance(column.name, int) and spec.estimator.steps is None:
            continue  # of what the default preprocessing makes of the features
        if not _is_there(column.name, features):
            raise DataError(f"{dataset.name}: {_problem(column, features, spec.data)}")


def _is_there(name: str | int, features: list[str]) -> bool:
    if isinstance(name, str):
        return name in features
    return -len(features) <= name < len(features)


def _problem(column: NamedColumn, features: list[str], data: DataSpec) -> str:
    if isinstance(column.name, int):
        there_are = f"there are {len(features)} features, the first of them at 0"
        return f"there is no column at {column.name}, which {column.field} names; {there_are}"
    there_are = columns_there_are(column.name, features)
    if column.name == data.target:
        return f"column {column.name!r}, which {column.field} names, is the target; {there_are}"
    if data.features is not None:
        return (
            f"column {column.name!r}, which {column.field} names, is not in"
            f" spec.training.data.features; {there_are}"
        )
    return f"there is no column {column.name!r}, which {column.field} names; {there_are}"


def named_columns(spec: EstimatorSpec) -> Iterator[NamedColumn]:
    """Yield the columns that are named by what gets the rows as they are in the data.

    In a pipeline that is its first step; what comes later gets what that makes of them.
    """
    if spec.steps is None:
        yield from _named_by(str(spec.class_), spec.params or {}, _FIELD)
    else:
        first = spec.steps[0]
        yield from _named_by(first.class_, first.params, f"{_FIELD}.steps[{first.name}]")


def _named_by(path: str, params: Mapping[str, Any], field: str) -> Iterator[NamedColumn]:
    """Yield what an object of a class names, as far as is known what it does with the rows."""
    module, _, name = path.rpartition(".")
    if module.split(".")[0] != "sklearn":
        return
    if name == "ColumnTransformer":
        yield from _named_in_transformers(params.get("transformers"), f"{field}.params")
    elif name == "Pipeline":
        steps = params.get("steps")
        yield from _named_in(steps[:1] if isinstance(steps, list) else [], f"{field}.params.steps")
    else:
        for key, value in params.items():
            if key in _GET_THE_ROWS:
                yield from _named_in(value, f"{field}.params.{key}")


def _named_in(value: Any, field: str) -> Iterator[NamedColumn]:
    if is_object(value):
        yield from _named_by(value["class"], value.get("params") or {}, field)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from _named_in(item, f"{field}[{position}]")


def _named_in_transformers(transformers: Any, field: str) -> Iterator[NamedColumn]:
    """Yield what [name, transformer, columns] name; of another form scikit-learn tells itself."""
    for position, entry in enumerate(transformers if isinstance(transformers, list) else []):
        if not isinstance(entry, list) or len(entry) != 3:
            continue
        place = f"{field}.transformers[{position}]"
        columns = entry[2] if isinstance(entry[2], list) else [entry[2]]
        for column in columns:
            if isinstance(column, str | int) and not isinstance(column, bool):  # bools are a mask
                yield NamedColumn(column, f"{place}[2]")
        yield from _named_in(entry[1], f"{place}[1]")
