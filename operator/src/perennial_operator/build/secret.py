"""The Secret that tells a model's pods where the registry is."""

from __future__ import annotations

import base64

from perennial_core.resource import PredictionModel
from perennial_core.settings import RegistrySettings
from perennial_operator.build.metadata import owned
from perennial_operator.build.pod import registry_environment, registry_secret_name
from perennial_operator.kinds import SECRET, Body


def build_registry_secret(model: PredictionModel, registry: RegistrySettings) -> Body:
    data = {
        name: base64.b64encode(value.encode()).decode()
        for name, value in registry_environment(registry).items()
    }
    return owned(
        SECRET,
        model,
        "predictor",
        {"type": "Opaque", "data": data},
        name=registry_secret_name(model.metadata.name),
    )
