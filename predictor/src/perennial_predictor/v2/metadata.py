"""What the protocol says of a model and of the server."""

from __future__ import annotations

from perennial_core.identity import ModelKey
from perennial_core.manifest import ArtifactFormat, Manifest
from perennial_predictor.v2.messages import ModelMetadata, ServerMetadata, TensorMetadata
from perennial_predictor.v2.outputs import PROBABILITIES, prediction_datatype, prediction_name
from perennial_predictor.v2.tensor import DATATYPES

_PLATFORMS = {ArtifactFormat.ONNX: "onnxruntime_onnx", ArtifactFormat.SKOPS: "sklearn_skops"}
_ANY = -1
"""Stands for any number of rows."""


def server_metadata() -> ServerMetadata:
    from importlib.metadata import version  # takes time

    return ServerMetadata("perennial", version("perennial-predictor"), ["binary_tensor_data"])


def model_metadata(manifest: Manifest, *, has_probabilities: bool) -> ModelMetadata:
    """Return what the protocol says of a version: a tensor for each feature, by its name."""
    prediction = prediction_name(manifest), prediction_datatype(manifest)
    outputs = [TensorMetadata(*prediction, [_ANY])]
    if has_probabilities:
        outputs.append(TensorMetadata(PROBABILITIES, "FP64", [_ANY, len(manifest.classes or ())]))
    return ModelMetadata(
        name=ModelKey.parse(manifest.model).name,
        versions=[str(manifest.version)],
        platform=_PLATFORMS[manifest.format],
        inputs=[TensorMetadata(c.name, DATATYPES[c.type], [_ANY]) for c in manifest.inputs],
        outputs=outputs,
    )
