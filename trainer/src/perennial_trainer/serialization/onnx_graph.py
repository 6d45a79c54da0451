"""Converts a fitted estimator to ONNX, by skl2onnx.

The graph is as perennial_core.artifact.onnx_model takes it: one matrix of numbers or one tensor a
column; first output the prediction, second the probabilities of a classifier that has them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

from perennial_core.manifest import Column, ColumnType, Task
from perennial_trainer.serialization.fitted import has_trees, too_large_for_onnx
from perennial_trainer.serialization.fused import fuse_linear
from perennial_trainer.serialization.trees import compact_trees

Precision = Literal["float64", "float32"]


class NotConvertible(Exception):
    """The estimator has no ONNX form, or none of this layout and precision."""


def precisions(estimator: Any) -> tuple[Precision, ...]:
    """Return the types of numbers to try, the better one first.

    scikit-learn's trees round their inputs to float32 themselves, and ONNX's answer in float32.
    """
    return ("float32",) if has_trees(estimator) else ("float64", "float32")


def to_onnx(estimator: Any, inputs: Sequence[Column], task: Task, precision: Precision) -> bytes:
    """Return the estimator as an ONNX model.

    Raises:
        NotConvertible: skl2onnx has no converter, or the one it has does not apply here.
    """
    reason = too_large_for_onnx(estimator)
    if reason is not None:
        raise NotConvertible(reason)
    try:
        model = _convert(estimator, _types(estimator, inputs, precision), task)
    except Exception as error:  # skl2onnx raises whatever its converters stumble over
        raise NotConvertible(_why(error)) from error
    has_probabilities = task is Task.CLASSIFICATION and hasattr(estimator, "predict_proba")
    del model.graph.output[2 if has_probabilities else 1 :]
    fuse_linear(model)
    compact_trees(model)
    content: bytes = model.SerializeToString()
    return content


def _why(error: Exception) -> str:
    """Return skl2onnx's error; in fewer words where it lacks a converter."""
    unknown = re.search(
        r"Unable to find a shape calculator for type '<class '([^']+)'>'", str(error)
    )
    if unknown is not None:
        return f"skl2onnx has no converter for {unknown[1].rpartition('.')[2]}"
    return f"{type(error).__name__}: {error}"


def _convert(estimator: Any, types: list[tuple[str, object]], task: Task) -> Any:
    from skl2onnx import convert_sklearn
    from sklearn.svm import LinearSVC

    from perennial_trainer.serialization.converters import CONVERTERS

    convert = partial(
        convert_sklearn,
        estimator,
        name="perennial",
        initial_types=types,
        custom_conversion_functions=CONVERTERS,
    )
    if task is Task.REGRESSION:
        return convert()
    try:
        return convert(options={id(estimator): {"zipmap": False}})
    except NameError:  # so skl2onnx says that a classifier does not know this option
        return convert(options={LinearSVC: {"raw_scores": False}})


def _types(
    estimator: Any, inputs: Sequence[Column], precision: Precision
) -> list[tuple[str, object]]:
    """Return the graph's inputs: one matrix, or a tensor for each column."""
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType

    number = DoubleTensorType if precision == "float64" else FloatTensorType
    is_text = [column.type is ColumnType.STRING for column in inputs]
    if not any(is_text) and not _picks_columns(estimator):
        return [("features", number([None, len(inputs)]))]
    return [
        (column.name, (StringTensorType if text else number)([None, 1]))
        for column, text in zip(inputs, is_text, strict=True)
    ]


def _picks_columns(estimator: Any) -> bool:
    """Return whether some part takes columns by their names, which a matrix does not have."""
    from sklearn.compose import ColumnTransformer

    parts = [estimator, *estimator.get_params(deep=True).values()]
    return any(isinstance(part, ColumnTransformer) for part in parts)
