"""The resource types: pydantic models from which the CRD is generated."""

from perennial_core.resource.data import (
    DATA_MOUNT,
    DataFormat,
    DataSpec,
    Holdout,
    HoldoutStrategy,
)
from perennial_core.resource.prediction_model import (
    API_VERSION,
    GROUP,
    KIND,
    PLURAL,
    TRAIN_ANNOTATION,
    DeletionPolicy,
    PredictionModel,
    PredictionModelSpec,
)
from perennial_core.resource.rollout import RolloutSpec
from perennial_core.resource.serving import ServingSpec
from perennial_core.resource.training import EstimatorSpec, Step, TrainingSpec

__all__ = [
    "API_VERSION",
    "DATA_MOUNT",
    "GROUP",
    "KIND",
    "PLURAL",
    "TRAIN_ANNOTATION",
    "DataFormat",
    "DataSpec",
    "DeletionPolicy",
    "EstimatorSpec",
    "Holdout",
    "HoldoutStrategy",
    "PredictionModel",
    "PredictionModelSpec",
    "RolloutSpec",
    "ServingSpec",
    "Step",
    "TrainingSpec",
]
