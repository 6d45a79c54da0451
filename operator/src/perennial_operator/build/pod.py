"""What the pods of trainers and predictors have in common."""

from __future__ import annotations

from perennial_core.resource import GROUP
from perennial_core.settings import RegistrySettings, environment
from perennial_operator.build.metadata import content_hash
from perennial_operator.kinds import Body

USER_ID = 65532
"""The unprivileged user of the images."""

REGISTRY_SECRET_SUFFIX = "-registry"

REGISTRY_ANNOTATION = f"{GROUP}/registry"
"""Hash of the registry's address and password: predictors restart when it changes."""

CONTAINER_SECURITY: Body = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}
"""With POD_SECURITY, what the restricted Pod Security Standard asks for, and a read-only root."""

POD_SECURITY: Body = {
    "runAsNonRoot": True,
    "runAsUser": USER_ID,
    "runAsGroup": USER_ID,
    "fsGroup": USER_ID,
    "fsGroupChangePolicy": "OnRootMismatch",
    "seccompProfile": {"type": "RuntimeDefault"},
}


def variables(values: dict[str, str]) -> list[Body]:
    """Return environment variables as a container takes them, sorted by name."""
    return [{"name": name, "value": value} for name, value in sorted(values.items())]


def registry_secret_name(model_name: str) -> str:
    """Return the name of the Secret that tells a model's pods where the registry is."""
    return f"{model_name}{REGISTRY_SECRET_SUFFIX}"


def registry_environment(registry: RegistrySettings) -> dict[str, str]:
    """Return the content of that Secret."""
    return environment(registry)


def registry_hash(registry: RegistrySettings) -> str:
    """Return what changes with that content."""
    return content_hash(registry_environment(registry))
