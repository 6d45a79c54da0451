"""Models in ONNX, run by onnxruntime.

The graph has one input tensor of shape (n, features) when all inputs are numbers, else one of shape
(n, 1) for each column, in their order. Its first output is the prediction, its second (only of a
classifier that gives them) the probabilities.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when onnxruntime is imported

import onnxruntime

from perennial_core.artifact.model import (
    Array,
    ArtifactUnusable,
    InstanceRefused,
    LoadedModel,
    Predictions,
    are_numbers,
    numbers,
    predictions,
    texts,
)
from perennial_core.manifest import Signature

MISSING_TEXT = "nan"
"""ONNX strings have no missing value; skl2onnx writes the category of missing values so."""

_NO_ERRORS = 4
"""onnxruntime would write each error beside our log, in its own way; we get them as exceptions."""

Convert = Callable[[Array], Array]
"""Makes of float64 what a tensor holds, one number after the other in memory, or raises
``InstanceRefused``."""


def _in_float32(values: Array) -> Array:
    try:
        with np.errstate(over="raise"):
            return np.ascontiguousarray(values, dtype=np.float32)
    except FloatingPointError:
        raise InstanceRefused("a number is beyond float32, in which the model computes") from None


_CONVERSIONS: dict[str, Convert] = {
    "tensor(double)": partial(np.ascontiguousarray, dtype=np.float64),
    "tensor(float)": _in_float32,
}


class OnnxModel(LoadedModel):
    """A model in an onnxruntime session."""

    def __init__(self, manifest: Signature, artifact: bytes, threads: int | None) -> None:
        self.manifest = manifest
        self._session = _session(artifact, threads)
        self._inputs = [_Input.of(tensor) for tensor in self._session.get_inputs()]
        self._outputs = [tensor.name for tensor in self._session.get_outputs()]
        widths = [tensor.width for tensor in self._inputs]
        self.is_matrix = are_numbers(manifest) and widths == [len(manifest.inputs)]
        self._check_graph()

    def predict_matrix(self, matrix: Array) -> Predictions:
        if not self.is_matrix:
            return self.predict({c.name: matrix[:, i] for i, c in enumerate(self.manifest.inputs)})
        features = self._inputs[0]
        assert features.convert is not None, "a matrix holds no text"
        return self._run({features.name: features.convert(matrix)}, len(matrix))

    def predict(self, columns: Mapping[str, Array]) -> Predictions:
        if self.is_matrix:
            return self.predict_matrix(self._stacked(columns))
        tensors = {
            tensor.name: tensor.filled(columns[column.name])
            for tensor, column in zip(self._inputs, self.manifest.inputs, strict=True)
        }
        return self._run(tensors, len(columns[self.manifest.inputs[0].name]))

    def _run(self, tensors: dict[str, Array], rows: int) -> Predictions:
        try:
            raw, *rest = self._session.run(self._outputs, tensors)
            return predictions(raw, rest[0] if rest else None, rows, self.manifest)
        except Exception as error:
            raise InstanceRefused(f"{self.manifest.model}: {error}") from error

    def _check_graph(self) -> None:
        needed = 1 if self.is_matrix else len(self.manifest.inputs)
        if len(self._inputs) != needed:
            raise ArtifactUnusable(
                f"{self.manifest.model}: the ONNX graph takes {len(self._inputs)} inputs; the"
                f" manifest names {len(self.manifest.inputs)}"
            )
        if len(self._outputs) not in (1, 2):
            raise ArtifactUnusable(
                f"{self.manifest.model}: the ONNX graph has {len(self._outputs)} outputs;"
                " expected the prediction and, of a classifier, the probabilities"
            )


@dataclass(frozen=True)
class _Input:
    """An input tensor of the graph."""

    name: str
    convert: Convert | None
    """None: it holds text."""
    width: int | None

    @classmethod
    def of(cls, tensor: Any) -> _Input:
        width = tensor.shape[1] if len(tensor.shape) == 2 else None
        return cls(tensor.name, _CONVERSIONS.get(tensor.type), width)

    def filled(self, column: Array) -> Array:
        """Return a column, shape (n,), as this tensor, shape (n, 1)."""
        if self.convert is None:
            return texts(column, MISSING_TEXT).reshape(-1, 1)
        return self.convert(numbers(column)).reshape(-1, 1)


def _session(artifact: bytes, threads: int | None) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _NO_ERRORS
    # Idle threads that spin would take the CPU from the other threads of a small container.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if threads is not None:
        options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(artifact, options, providers=["CPUExecutionProvider"])
