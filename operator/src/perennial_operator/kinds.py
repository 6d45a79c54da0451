"""The kinds of objects that the operator owns, and how they are found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perennial_core.resource import API_VERSION, GROUP, KIND, PLURAL
from perennial_core.resource.model_version import MODEL_VERSION_KIND, MODEL_VERSION_PLURAL

Body = dict[str, Any]
"""A Kubernetes object as JSON."""

FIELD_MANAGER = "perennial-operator"
MANAGED_BY = {"app.kubernetes.io/managed-by": "perennial"}
SELECTOR = "app.kubernetes.io/managed-by=perennial"
"""Label selector of all owned objects."""

MODEL_LABEL = f"{GROUP}/model"
VERSION_LABEL = f"{GROUP}/version"
TRAFFIC_LABEL = f"{GROUP}/traffic"
"""On the pods that the model's Service selects, whichever Deployment they are of."""
CONTENT_ANNOTATION = f"{GROUP}/content"
"""Hash of the object as it was applied."""


@dataclass(frozen=True)
class Kind:
    """One kind of the Kubernetes API."""

    group: str
    version: str
    name: str
    plural: str

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def root(self) -> str:
        """Path of the kind's API group and version."""
        return f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"


PREDICTION_MODEL = Kind(GROUP, API_VERSION, KIND, PLURAL)
CONFIG_MAP = Kind("", "v1", "ConfigMap", "configmaps")
CRON_JOB = Kind("batch", "v1", "CronJob", "cronjobs")
DEPLOYMENT = Kind("apps", "v1", "Deployment", "deployments")
EVENT = Kind("", "v1", "Event", "events")
JOB = Kind("batch", "v1", "Job", "jobs")
LEASE = Kind("coordination.k8s.io", "v1", "Lease", "leases")
MODEL_VERSION = Kind(GROUP, API_VERSION, MODEL_VERSION_KIND, MODEL_VERSION_PLURAL)
PERSISTENT_VOLUME_CLAIM = Kind("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims")
POD = Kind("", "v1", "Pod", "pods")
SECRET = Kind("", "v1", "Secret", "secrets")
SERVICE = Kind("", "v1", "Service", "services")
SERVICE_ACCOUNT = Kind("", "v1", "ServiceAccount", "serviceaccounts")

WATCHED = (CONFIG_MAP, CRON_JOB, DEPLOYMENT, JOB, MODEL_VERSION, SERVICE, SERVICE_ACCOUNT)
"""Owned kinds that the operator may read. Secrets are not among them: it writes them unseen."""

BY_NAME = {kind.name: kind for kind in (*WATCHED, SECRET)}


@dataclass(frozen=True, order=True)
class ObjectRef:
    """One object of the cluster."""

    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> ObjectRef:
        metadata = body["metadata"]
        return cls(body["kind"], metadata["namespace"], metadata["name"])

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"
