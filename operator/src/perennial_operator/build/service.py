"""The Service in front of a model's predictors, those of a canary among them."""

from __future__ import annotations

from perennial_core.resource import PredictionModel
from perennial_operator.build.metadata import live_selector, owned
from perennial_operator.kinds import SERVICE, Body


def build_service(model: PredictionModel) -> Body:
    serving = model.spec.serving
    port = {"name": "http", "port": serving.port, "targetPort": "http", "protocol": "TCP"}
    return owned(
        SERVICE,
        model,
        "predictor",
        {
            "spec": {
                "type": str(serving.service.type),
                "selector": live_selector(model),
                "ports": [port],
            }
        },
        annotations=serving.service.annotations,
    )
