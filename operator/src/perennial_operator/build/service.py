"""The Service in front of a model's predictors, those of a canary among them."""

from __future__ import annotations

from perennial_core.resource import PredictionModel
from perennial_core.resource.serving import ServingSpec
from perennial_operator.build.metadata import live_selector, owned
from perennial_operator.kinds import SERVICE, Body


def build_service(model: PredictionModel) -> Body:
    serving = model.spec.serving
    return owned(
        SERVICE,
        model,
        "predictor",
        {
            "spec": {
                "type": str(serving.service.type),
                "selector": live_selector(model),
                "ports": _ports(serving),
            }
        },
        annotations=serving.service.annotations,
    )


def _ports(serving: ServingSpec) -> list[Body]:
    ports = [{"name": "http", "port": serving.port, "targetPort": "http", "protocol": "TCP"}]
    if serving.grpc_port is not None:
        ports.append(
            {
                "name": "grpc",
                "port": serving.grpc_port,
                "targetPort": "grpc",
                "protocol": "TCP",
                "appProtocol": "grpc",
            }
        )
    return ports
