"""The ServiceAccount of a model's pods; it has no rights, and its token is not mounted.

It is written together with the Secret that tells where the registry is, which nobody can read: so
it bears the hash of that Secret's content.
"""

from __future__ import annotations

from perennial_core.resource import PredictionModel
from perennial_core.settings import RegistrySettings
from perennial_operator.build.metadata import owned
from perennial_operator.build.pod import REGISTRY_ANNOTATION, registry_hash
from perennial_operator.kinds import SERVICE_ACCOUNT, Body


def build_service_account(model: PredictionModel, registry: RegistrySettings) -> Body:
    return owned(
        SERVICE_ACCOUNT,
        model,
        "predictor",
        {"automountServiceAccountToken": False},
        annotations={REGISTRY_ANNOTATION: registry_hash(registry)},
    )
