"""From predictions to the tensors of an answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perennial_core.artifact import Predictions
from perennial_core.manifest import Signature, Task
from perennial_predictor.v2.messages import TensorMetadata
from perennial_predictor.v2.refusals import invalid, named
from perennial_predictor.v2.tensor import BOOL, BYTES, DTYPES, Tensor

PROBABILITIES = "probabilities"

_CLASS_DATATYPES = {bool: BOOL, int: "INT64", float: "FP64", str: BYTES}


def prediction_name(signature: Signature) -> str:
    """Return the name of the output with the predictions: that of the target."""
    return signature.outputs[0].name


def prediction_datatype(signature: Signature) -> str:
    """Return the datatype of the predictions: of the labels, or FP64."""
    if signature.task is Task.REGRESSION or not signature.classes:
        return "FP64"
    return _CLASS_DATATYPES[type(signature.classes[0])]


def output_tensors(
    described: TensorMetadata, predictions: Predictions, wanted: Sequence[str] = ()
) -> list[Tensor]:
    """Return the tensors of an answer: the predictions, and of a classifier the probabilities.

    Args:
        described: The output with the predictions.
        predictions: For n rows.
        wanted: The outputs that the request names; none of them: all.

    Raises:
        Problem: The model has no such output.
    """
    values = predictions.values.astype(DTYPES[described.datatype], copy=False)
    tensors = [Tensor(described.name, described.datatype, values.shape, values)]
    if predictions.probabilities is not None:
        flat = predictions.probabilities.astype(np.float64, copy=False).ravel()
        shape = predictions.probabilities.shape
        tensors.append(Tensor(PROBABILITIES, "FP64", shape, flat))
    return _selected(tensors, wanted) if wanted else tensors


def _selected(tensors: Sequence[Tensor], wanted: Sequence[str]) -> list[Tensor]:
    by_name = {tensor.name: tensor for tensor in tensors}
    if len(set(wanted)) < len(wanted):
        raise invalid("outputs: one is named more than once")
    if unknown := [name for name in wanted if name not in by_name]:
        names = ", ".join(map(repr, by_name))
        raise invalid(f"output {named(unknown[0])}: not an output of the model; it has {names}")
    return [by_name[name] for name in wanted]
