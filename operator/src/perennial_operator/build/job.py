"""The Job of one run of the trainer: as a CronJob makes it, and made at once."""

from __future__ import annotations

from pathlib import Path

from perennial_core.resource import DATA_MOUNT, PredictionModel
from perennial_core.resource.runs import RunSpec
from perennial_core.settings import SourceRegistrySettings, TrainerSettings, environment_of
from perennial_operator.build.metadata import content_hash, labels, owned
from perennial_operator.build.order import ORDER_FILE, order_name
from perennial_operator.build.pod import (
    CONTAINER_SECURITY,
    POD_SECURITY,
    registry_secret_name,
    variables,
)
from perennial_operator.kinds import JOB, Body
from perennial_operator.settings import OperatorSettings

ORDER_MOUNT = "/etc/perennial"
CREDENTIALS_MOUNT = "/etc/perennial-credentials"
KEPT_SECONDS = 3600
"""How long a finished Job and its logs stay."""

_SOURCE_KEYS: dict[str, Body] = {
    "url": {},
    "password": {"optional": True},
    "ca": {"optional": True},
}
"""Keys of the Secret that ``spec.promotion.from.registrySecret`` names."""

EXIT_CODES_OF_USER_ERRORS = [65, 78]
"""Bad data and bad spec (sysexits.h): trying again is useless."""


def build_job(model: PredictionModel, settings: OperatorSettings, cause: str) -> Body:
    """Return the Job of a run that starts at once; the same cause gives the same name."""
    runs = model.spec.runs
    assert runs is not None, "no run is planned for a model whose versions are brought"
    return owned(
        JOB,
        model,
        "trainer",
        {"spec": job_spec(model, runs, settings)},
        name=f"{model.metadata.name}-{content_hash(cause)[:8]}",
    )


def job_spec(model: PredictionModel, runs: RunSpec, settings: OperatorSettings) -> Body:
    """Return the spec of the model's Jobs."""
    return {
        "backoffLimit": runs.retries,
        "activeDeadlineSeconds": runs.timeout_seconds,
        "ttlSecondsAfterFinished": KEPT_SECONDS,
        "podFailurePolicy": {
            "rules": [
                {
                    "action": "FailJob",
                    "onExitCodes": {
                        "containerName": "trainer",
                        "operator": "In",
                        "values": EXIT_CODES_OF_USER_ERRORS,
                    },
                },
                {
                    "action": "Ignore",
                    "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
                },
            ]
        },
        "template": {
            "metadata": {"labels": labels(model, "trainer")},
            "spec": _pod(model, runs, settings),
        },
    }


def _pod(model: PredictionModel, runs: RunSpec, settings: OperatorSettings) -> Body:
    volumes = _volumes(model)
    return {
        "serviceAccountName": model.metadata.name,
        "automountServiceAccountToken": False,
        "restartPolicy": "Never",
        "securityContext": POD_SECURITY,
        "imagePullSecrets": [{"name": name} for name in settings.image_pull_secrets],
        "volumes": [volume for volume, _ in volumes],
        "containers": [
            {
                "name": "trainer",
                "image": settings.trainer_image,
                "imagePullPolicy": settings.image_pull_policy,
                "args": ["run"],
                "env": [*_environment(settings), *_source_environment(model)],
                "envFrom": [{"secretRef": {"name": registry_secret_name(model.metadata.name)}}],
                "resources": runs.resources.to_json(),
                "securityContext": CONTAINER_SECURITY,
                "volumeMounts": [mount for _, mount in volumes],
            }
        ],
    }


_RUN_ID = TrainerSettings.variable("run_id")
_UID_OF_JOB = {"fieldPath": "metadata.labels['batch.kubernetes.io/controller-uid']"}


def _environment(settings: OperatorSettings) -> list[Body]:
    """Return what TrainerSettings reads; the run's id is the Job's, the same for all its pods."""
    given = environment_of(
        TrainerSettings,
        training_file=Path(ORDER_MOUNT, ORDER_FILE),
        data_directory=Path(DATA_MOUNT),
        credentials_directory=Path(CREDENTIALS_MOUNT),
        allowed_modules=settings.allowed_modules,
        trusted_types=settings.trusted_types,
        log_level=settings.log_level,
    )
    return [*variables(given), {"name": _RUN_ID, "valueFrom": {"fieldRef": _UID_OF_JOB}}]


def _source_environment(model: PredictionModel) -> list[Body]:
    """Return what SourceRegistrySettings reads, from the user's own Secret."""
    source = model.spec.promotion.from_ if model.spec.promotion else None
    if source is None or source.registry_secret is None:
        return []
    return [
        {
            "name": SourceRegistrySettings.variable(key),
            "valueFrom": {"secretKeyRef": {"name": source.registry_secret, "key": key, **optional}},
        }
        for key, optional in _SOURCE_KEYS.items()
    ]


def _volumes(model: PredictionModel) -> list[tuple[Body, Body]]:
    """Return each volume with its mount."""
    order = {"name": "order", "configMap": {"name": order_name(model)}}
    volumes: list[tuple[Body, Body]] = [
        (order, {"name": "order", "mountPath": ORDER_MOUNT, "readOnly": True}),
        ({"name": "tmp", "emptyDir": {}}, {"name": "tmp", "mountPath": "/tmp"}),
    ]
    data = model.spec.data
    if data is None:
        return volumes
    if data.volume is not None:
        mount = {"name": "data", "mountPath": DATA_MOUNT, "readOnly": True}
        volumes.append(({"name": "data", **data.volume.to_json()}, mount))
    if data.credentials_secret is not None:
        secret = {"name": "credentials", "secret": {"secretName": data.credentials_secret}}
        mount = {"name": "credentials", "mountPath": CREDENTIALS_MOUNT, "readOnly": True}
        volumes.append((secret, mount))
    return volumes
