"""The Deployment of a model's predictors.

Its pod template is made in two steps: the settings (spec.serving, images), and the release that it
serves. So a settings change can be rolled with the release that serves, and a release with the
settings that work. With the strategy HotSwap it names no release: such pods serve what the registry
says, as that changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from perennial_core.identity import Digest, Version
from perennial_core.resource import PredictionModel
from perennial_core.resource.rollout import Strategy
from perennial_core.resource.serving import ServingSpec
from perennial_core.settings import PredictorSettings, RegistrySettings, environment_of
from perennial_operator.build.metadata import LIVE, content_hash, labels, owned, selector
from perennial_operator.build.pod import (
    CONTAINER_SECURITY,
    POD_SECURITY,
    REGISTRY_ANNOTATION,
    registry_hash,
    registry_secret_name,
    variables,
)
from perennial_operator.kinds import DEPLOYMENT, VERSION_LABEL, Body
from perennial_operator.settings import OperatorSettings

TEMPLATE_ANNOTATION = "perennial.dev/template"
"""Hash of the pod template, on the Deployment: tells which attempt its status speaks of."""

CACHE_MOUNT = "/var/cache/perennial"
DRAIN_SECONDS = 15.0
SHADOW_SUFFIX = "-shadow"
GRACE_SECONDS = 30
"""From SIGTERM to SIGKILL: longer than the drain."""


@dataclass(frozen=True)
class Release:
    """A version as predictors are told to serve it."""

    version: Version
    digest: Digest


_NO_RELEASE = Release(Version(0), Digest(""))


def build_deployment(
    model: PredictionModel,
    template: Body,
    component: str = "predictor",
    *,
    name: str | None = None,
    replicas: int | None = None,
) -> Body:
    """Return the Deployment with this pod template; by default the one that serves."""
    return owned(
        DEPLOYMENT,
        model,
        component,
        {
            "spec": {
                "replicas": model.spec.serving.replicas if replicas is None else replicas,
                "selector": {"matchLabels": selector(model, component)},
                "progressDeadlineSeconds": model.spec.rollout.progress_deadline_seconds,
                "revisionHistoryLimit": 3,
                "paused": False,
                "strategy": {
                    "type": "RollingUpdate",
                    "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"},
                },
                "template": template,
            }
        },
        name=name,
        annotations={TEMPLATE_ANNOTATION: content_hash(template)},
    )


def build_settings_template(
    model: PredictionModel, settings: OperatorSettings, registry: RegistrySettings
) -> Body:
    """Return the pod template but for the release; with HotSwap it has no place for one."""
    template = _settings_template(model, settings, registry)
    if model.spec.rollout.strategy is Strategy.HOT_SWAP:
        return template
    return _naming(template, _NO_RELEASE)


def _settings_template(
    model: PredictionModel, settings: OperatorSettings, registry: RegistrySettings
) -> Body:
    custom = model.spec.serving.pod_template
    annotations = {
        **(custom.annotations or {}),
        REGISTRY_ANNOTATION: registry_hash(registry),
    }
    placement = {
        "nodeSelector": custom.node_selector,
        "tolerations": custom.tolerations,
        "affinity": custom.affinity,
        "topologySpreadConstraints": custom.topology_spread_constraints,
    }
    return {
        "metadata": {"labels": {**labels(model, "predictor"), **LIVE}, "annotations": annotations},
        "spec": {
            "serviceAccountName": model.metadata.name,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": GRACE_SECONDS,
            "securityContext": POD_SECURITY,
            "imagePullSecrets": [{"name": name} for name in settings.image_pull_secrets],
            **{name: value for name, value in placement.items() if value},
            "volumes": [{"name": "cache", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}],
            "containers": [_container(model, settings)],
        },
    }


def follows(template: Body) -> bool:
    """Return whether pods with this template serve what the registry says."""
    (container,) = template["spec"]["containers"]
    return _VERSION_VARIABLE not in {variable["name"] for variable in container["env"]}


def with_release(template: Body, release: Release) -> Body:
    """Return the pod template for this release, whatever release it was for.

    One that follows the registry stays as it is.
    """
    return template if follows(template) else _naming(template, release)


def _naming(template: Body, release: Release) -> Body:
    metadata, spec = template["metadata"], template["spec"]
    (container,) = spec["containers"]
    wanted = variables(_release_environment(release))
    names = {variable["name"] for variable in wanted}
    others = [variable for variable in container["env"] if variable["name"] not in names]
    labelled = {**metadata["labels"], VERSION_LABEL: str(release.version)}
    return {
        **template,
        "metadata": {**metadata, "labels": labelled},
        "spec": {**spec, "containers": [{**container, "env": [*wanted, *others]}]},
    }


def settings_hash(template: Body) -> str:
    """Return the hash of a pod template's settings: the same for every release."""
    return content_hash(with_release(template, _NO_RELEASE))


@lru_cache(maxsize=4096)
def _release_environment(release: Release) -> dict[str, str]:
    return environment_of(PredictorSettings, version=release.version, digest=release.digest)


_VERSION_VARIABLE = PredictorSettings.variable("version")


def _container(model: PredictionModel, settings: OperatorSettings) -> Body:
    serving = model.spec.serving
    given = environment_of(
        PredictorSettings,
        model=str(model.key),
        port=serving.port,
        grpc_port=serving.grpc_port,
        cache_directory=Path(CACHE_MOUNT),
        drain_seconds=DRAIN_SECONDS,
        trusted_types=settings.trusted_types,
        log_level=settings.log_level,
        shadow_url=shadow_url(model),
    )
    custom = [variable.to_json() for variable in serving.pod_template.env or []]
    return {
        "name": "predictor",
        "image": settings.predictor_image,
        "imagePullPolicy": settings.image_pull_policy,
        "ports": _ports(serving),
        "env": [*variables(given), *custom],
        "envFrom": [{"secretRef": {"name": registry_secret_name(model.metadata.name)}}],
        "resources": serving.resources.to_json(),
        "securityContext": CONTAINER_SECURITY,
        "readinessProbe": _probe("/readyz", period=1),
        "livenessProbe": _probe("/healthz", period=10),
        "volumeMounts": [
            {"name": "cache", "mountPath": CACHE_MOUNT},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }


def _ports(serving: ServingSpec) -> list[Body]:
    numbers = {"http": serving.port, "grpc": serving.grpc_port}
    return [
        {"name": name, "containerPort": number, "protocol": "TCP"}
        for name, number in numbers.items()
        if number is not None
    ]


def shadow_url(model: PredictionModel) -> str | None:
    """Return where the pods that serve send copies of their requests; None: nowhere."""
    if model.spec.rollout.strategy is not Strategy.SHADOW:
        return None
    metadata = model.metadata
    return (
        f"http://{metadata.name}{SHADOW_SUFFIX}.{metadata.namespace}.svc:{model.spec.serving.port}"
    )


def _probe(path: str, *, period: int) -> Body:
    return {
        "httpGet": {"path": path, "port": "http"},
        "periodSeconds": period,
        "timeoutSeconds": 5,
        "failureThreshold": 3,
    }
