"""The ModelVersion of a retained version."""

from __future__ import annotations

from perennial_core.identity import Version
from perennial_core.resource import PredictionModel
from perennial_core.resource.model_version import version_name
from perennial_operator.build.metadata import owned
from perennial_operator.kinds import MODEL_VERSION, Body


def build_model_version(model: PredictionModel, version: Version) -> Body:
    """Return a ModelVersion without a decision, which is left to people."""
    name = model.metadata.name
    content = {"spec": {"model": name, "version": int(version)}}
    return owned(MODEL_VERSION, model, "version", content, name=version_name(name, version))
