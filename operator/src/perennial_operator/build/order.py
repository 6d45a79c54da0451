"""The ConfigMap with the order of a model's runs, which the trainer's pods mount."""

from __future__ import annotations

from perennial_core.order import order_for
from perennial_core.resource import PredictionModel
from perennial_operator.build.metadata import owned
from perennial_operator.kinds import CONFIG_MAP, Body

ORDER_FILE = "training.json"


def order_name(model: PredictionModel) -> str:
    return f"{model.metadata.name}-training"


def build_order(model: PredictionModel) -> Body | None:
    """Return the ConfigMap, or None where no run makes the model's versions."""
    order = order_for(model)
    if order is None:
        return None
    content = {ORDER_FILE: order.to_text()}
    return owned(CONFIG_MAP, model, "trainer", {"data": content}, name=order_name(model))
