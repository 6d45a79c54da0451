"""The registry: the versions, artifacts and runs of all models, in Redis.

This package is the only one that talks to Redis.
"""

from perennial_core.manifest import Answer, Decision
from perennial_core.registry.errors import (
    ArtifactCorrupt,
    ArtifactTooLarge,
    NotApproved,
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
    "Answer",
    "ArtifactCorrupt",
    "ArtifactTooLarge",
    "Decision",
    "Event",
    "EventKind",
    "Failure",
    "NotApproved",
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
