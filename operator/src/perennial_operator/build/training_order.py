"""The ConfigMap with the training order that the trainer's pods mount."""

from __future__ import annotations

from perennial_core.order import TrainingOrder
from perennial_core.resource import PredictionModel
from perennial_operator.build.metadata import owned
from perennial_operator.kinds import CONFIG_MAP, Body

ORDER_FILE = "training.json"


def order_name(model: PredictionModel) -> str:
    return f"{model.metadata.name}-training"


def build_training_order(model: PredictionModel) -> Body:
    content = {ORDER_FILE: TrainingOrder.for_model(model).to_text()}
    return owned(CONFIG_MAP, model, "trainer", {"data": content}, name=order_name(model))
