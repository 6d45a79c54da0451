"""``spec.serving``: the predictors."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from perennial_core.resource.base import VALIDATIONS, KubernetesObject, Part, rule
from perennial_core.resource.runs import Resources
from perennial_core.validation import Matching

Port = Annotated[int, Field(ge=1024, le=65535)]


class ServiceType(StrEnum):
    CLUSTER_IP = "ClusterIP"
    NODE_PORT = "NodePort"
    LOAD_BALANCER = "LoadBalancer"


class ServiceSpec(Part):
    """The Service in front of the predictors."""

    type: ServiceType = ServiceType.CLUSTER_IP
    annotations: dict[str, str] = {}


class EnvironmentVariable(Part):
    """A variable of the predictor's container, as in a Pod."""

    model_config = ConfigDict(
        json_schema_extra={
            VALIDATIONS: [
                rule(
                    "!self.name.startsWith('PERENNIAL_')",
                    "env: names that begin with PERENNIAL_ are the operator's own",
                ),
                rule(
                    "!(has(self.value) && has(self.valueFrom))",
                    "env: give at most one of value and valueFrom",
                ),
            ]
        }
    )

    name: Annotated[
        str,
        Matching(
            r"^[A-Za-z_][A-Za-z0-9_.-]*$",
            "the name of a variable: letters, digits, underscores, dots and dashes",
            max_length=253,
        ),
    ]
    value: str | None = None
    value_from: KubernetesObject | None = None

    @model_validator(mode="after")
    def _is_not_ours(self) -> Self:
        if self.name.startswith("PERENNIAL_"):
            raise ValueError("names that begin with PERENNIAL_ are the operator's own")
        if self.value is not None and self.value_from is not None:
            raise ValueError("give at most one of value and valueFrom")
        return self


class PodTemplate(Part):
    """What the predictors' pods take over, each part as in a Pod."""

    node_selector: dict[str, str] | None = None
    tolerations: list[KubernetesObject] | None = None
    affinity: KubernetesObject | None = None
    topology_spread_constraints: list[KubernetesObject] | None = None
    annotations: dict[str, str] | None = None
    env: (
        Annotated[
            list[EnvironmentVariable],
            Field(
                max_length=256,
                json_schema_extra={
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                },
            ),
        ]
        | None
    ) = None
    """Further environment of the predictor's container."""


class ServingSpec(Part):
    """The predictors: a Deployment and a Service named like the model."""

    model_config = ConfigDict(
        json_schema_extra={
            VALIDATIONS: [
                rule(
                    "!has(self.grpcPort) || self.grpcPort != self.port",
                    "grpcPort: give another than port, which is for HTTP",
                )
            ]
        }
    )

    replicas: Annotated[int, Field(ge=0, le=1000)] = 1
    port: Port = 5001
    """Port of the Service and of the pods."""
    grpc_port: Port | None = None
    """Port of the Service and of the pods for gRPC: the Open Inference Protocol, health and
    reflection. Absent: none of them."""
    resources: Resources = Resources()
    """Resources of the predictor's container. A quick model is answered by as many processes as
    limits.cpu has whole CPUs, and limits.memory room for."""
    service: ServiceSpec = ServiceSpec()
    pod_template: PodTemplate = PodTemplate()

    @model_validator(mode="after")
    def _has_a_port_for_each(self) -> Self:
        if self.grpc_port == self.port:
            raise ValueError("grpcPort: give another than port, which is for HTTP")
        return self
