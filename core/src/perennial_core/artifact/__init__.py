"""Artifacts: serialized models, loaded and asked for predictions.

What trains and what serves share this package, so that both see the same predictions. It needs
onnxruntime for ONNX, and skops, scikit-learn and pandas for skops; each is imported only when an
artifact of its format is loaded. Nothing else in core imports this package.
"""

from perennial_core.artifact.loading import load_model
from perennial_core.artifact.model import (
    ArtifactUnusable,
    InstanceRefused,
    LoadedModel,
    Predictions,
)
from perennial_core.artifact.trusted import TRUSTED_TYPES

__all__ = [
    "TRUSTED_TYPES",
    "ArtifactUnusable",
    "InstanceRefused",
    "LoadedModel",
    "Predictions",
    "load_model",
]
