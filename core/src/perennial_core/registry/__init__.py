"""The registry: the versions, artifacts and runs of all models, in Redis.

This package is the only one that talks to Redis.
"""

from perennial_core.registry.errors import (
    ArtifactCorrupt,
    ArtifactTooLarge,
    RegistryRefused,
    RegistryUnavailable,
    VersionNotFound,
)
from perennial_core.registry.records import (
    Event,
    EventKind,
    Failure,
    Publication,
    Run,
    RunOutcome,
    Serving,
    Snapshot,
)
from perennial_core.registry.registry import Registry

__all__ = [
    "ArtifactCorrupt",
    "ArtifactTooLarge",
    "Event",
    "EventKind",
    "Failure",
    "Publication",
    "Registry",
    "RegistryRefused",
    "RegistryUnavailable",
    "Run",
    "RunOutcome",
    "Serving",
    "Snapshot",
    "VersionNotFound",
]
