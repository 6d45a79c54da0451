"""The ServiceAccount of a model's pods; it has no rights, and its token is not mounted."""

from __future__ import annotations

from perennial_core.resource import PredictionModel
from perennial_operator.build.metadata import owned
from perennial_operator.kinds import SERVICE_ACCOUNT, Body


def build_service_account(model: PredictionModel) -> Body:
    return owned(SERVICE_ACCOUNT, model, "predictor", {"automountServiceAccountToken": False})
