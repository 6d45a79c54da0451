"""Models in ONNX, run by onnxruntime.

The graph has one input tensor of shape (n, features) when all inputs are numbers, else one of shape
(n, 1) for each column by its name. Its first output is the prediction, its second (only of a
classifier that gives them) the probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
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

_ERRORS_ONLY = 3
_NUMPY_TYPES = {"tensor(double)": np.float64, "tensor(float)": np.float32}


class OnnxModel(LoadedModel):
    """A model in an onnxruntime session."""

    def __init__(self, manifest: Signature, artifact: bytes, threads: int | None) -> None:
        self.manifest = manifest
        self._session = _session(artifact, threads)
        self._inputs = {tensor.name: tensor for tensor in self._session.get_inputs()}
        self._outputs = [tensor.name for tensor in self._session.get_outputs()]
        first = next(iter(self._inputs.values()))
        self._matrix_name: str = first.name
        self._matrix_type = _NUMPY_TYPES.get(first.type)
        self.is_matrix = are_numbers(manifest) and _width(first) == len(manifest.inputs)
        self._check_graph()

    def predict_matrix(self, matrix: Array) -> Predictions:
        tensor = np.ascontiguousarray(matrix, dtype=self._matrix_type)
        return self._run({self._matrix_name: tensor}, len(matrix))

    def predict(self, columns: Mapping[str, Array]) -> Predictions:
        if self.is_matrix:
            return self.predict_matrix(self._stacked(columns))
        tensors = {name: self._tensor(name, columns[name]) for name in self._inputs}
        return self._run(tensors, len(next(iter(tensors.values()))))

    def _tensor(self, name: str, column: Array) -> Array:
        kind = _NUMPY_TYPES.get(self._inputs[name].type)
        flat = texts(column, MISSING_TEXT) if kind is None else numbers(column).astype(kind)
        return flat.reshape(-1, 1)

    def _run(self, tensors: dict[str, Array], rows: int) -> Predictions:
        try:
            raw, *rest = self._session.run(self._outputs, tensors)
            return predictions(raw, rest[0] if rest else None, rows, self.manifest)
        except Exception as error:
            raise InstanceRefused(f"{self.manifest.model}: {error}") from error

    def _check_graph(self) -> None:
        known = {column.name for column in self.manifest.inputs}
        unknown = sorted(set(self._inputs) - known)
        if unknown and not self.is_matrix:
            raise ArtifactUnusable(
                f"{self.manifest.model}: the ONNX graph needs inputs that the manifest does not"
                f" name: {', '.join(unknown)}"
            )
        if len(self._outputs) not in (1, 2):
            raise ArtifactUnusable(
                f"{self.manifest.model}: the ONNX graph has {len(self._outputs)} outputs;"
                " expected the prediction and, of a classifier, the probabilities"
            )


def _session(artifact: bytes, threads: int | None) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    # Idle threads that spin would take the CPU from the other threads of a small container.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if threads is not None:
        options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(artifact, options, providers=["CPUExecutionProvider"])


def _width(tensor: Any) -> int | None:
    return tensor.shape[1] if len(tensor.shape) == 2 else None
