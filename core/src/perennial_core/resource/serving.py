"""``spec.serving``: the predictors."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from perennial_core.resource.base import KubernetesObject, Part
from perennial_core.resource.training import Resources


class ServiceType(StrEnum):
    CLUSTER_IP = "ClusterIP"
    NODE_PORT = "NodePort"
    LOAD_BALANCER = "LoadBalancer"


class ServiceSpec(Part):
    """The Service in front of the predictors."""

    type: ServiceType = ServiceType.CLUSTER_IP
    annotations: dict[str, str] = {}


class PodTemplate(Part):
    """What the predictors' pods take over, each part as in a Pod."""

    node_selector: dict[str, str] | None = None
    tolerations: list[KubernetesObject] | None = None
    affinity: KubernetesObject | None = None
    topology_spread_constraints: list[KubernetesObject] | None = None
    annotations: dict[str, str] | None = None
    env: list[KubernetesObject] | None = None
    """Further environment of the predictor's container; names with PERENNIAL_ are reserved."""


class ServingSpec(Part):
    """The predictors: a Deployment and a Service named like the model."""

    replicas: Annotated[int, Field(ge=0, le=1000)] = 1
    port: Annotated[int, Field(ge=1024, le=65535)] = 5001
    """Port of the Service and of the pods."""
    resources: Resources = Resources()
    """Resources of the predictor's container."""
    service: ServiceSpec = ServiceSpec()
    pod_template: PodTemplate = PodTemplate()
