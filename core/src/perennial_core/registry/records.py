"""What the registry stores beside manifests and artifacts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from perennial_core.identity import Digest, ModelKey, Version
from perennial_core.manifest import Record


class Serving(Record):
    """The version that should serve."""

    version: Version
    digest: Digest


class RunOutcome(StrEnum):
    PUBLISHED = "Published"
    SKIPPED = "Skipped"
    FAILED = "Failed"


class Run(Record):
    """One execution of the trainer."""

    run_id: str
    outcome: RunOutcome
    started: datetime
    ended: datetime
    message: str
    """For people: what came of it, and for a failed run why and what to do."""
    version: Version | None = None
    """The published version; for a skipped run the one that stands for the same data and spec."""
    retryable: bool = False
    """Whether a failed run may succeed without a change of spec or data."""
    training_spec_hash: str | None = None
    data_fingerprint: str | None = None


class Failure(Record):
    """Why a version's rollout failed."""

    reason: str
    message: str
    at: datetime
    generation: int = 0
    """The resource's generation at that time: a later one that pins the version tries it again."""


class EventKind(StrEnum):
    PUBLISHED = "published"
    SERVING = "serving"
    RUN = "run"


@dataclass(frozen=True)
class Event:
    """A hint that something of a model changed."""

    model: ModelKey
    kind: EventKind
    version: Version | None


@dataclass(frozen=True)
class Publication:
    """What came of publishing."""

    version: Version
    repeated: bool
    """The same run had published already: nothing was written."""


@dataclass(frozen=True)
class Snapshot:
    """What a controller needs to know of a model's registry, read in one step."""

    latest: Version | None
    versions: tuple[Version, ...]
    """The retained versions, ascending."""
    serving: Serving | None
    failures: dict[Version, Failure]
    last_run: Run | None
