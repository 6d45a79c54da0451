"""What the registry stores beside manifests and artifacts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from perennial_core.errors import UserError
from perennial_core.identity import Digest, ModelKey, Version
from perennial_core.manifest import Decision
from perennial_core.record import Malformed, Record
from perennial_core.registry.errors import RegistryRefused

if TYPE_CHECKING:
    from perennial_core.resource.promotion import PromotionTarget


class Serving(Record, frozen=True, kw_only=True):
    """The version that should serve."""

    version: Version
    digest: Digest


class RunOutcome(StrEnum):
    PUBLISHED = "Published"
    SKIPPED = "Skipped"
    FAILED = "Failed"


class Run(Record, frozen=True, kw_only=True):
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


class Failure(Record, frozen=True, kw_only=True):
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
    DECIDED = "decided"
    ALLOWED = "allowed"


@dataclass(frozen=True)
class Event:
    """A hint that something of a model changed."""

    model: ModelKey
    kind: EventKind
    version: Version | None

    def to_fields(self) -> dict[str, str]:
        """Return the event as an entry of the stream."""
        version = "" if self.version is None else str(self.version)
        return {"model": str(self.model), "kind": str(self.kind), "version": version}

    @classmethod
    def from_fields(cls, fields: Mapping[bytes, bytes]) -> Event | None:
        """Read an entry of the stream; None: of a newer writer, and only a hint."""
        try:
            version = fields[b"version"]
            return cls(
                ModelKey.parse(fields[b"model"].decode()),
                EventKind(fields[b"kind"].decode()),
                Version(int(version)) if version else None,
            )
        except (KeyError, ValueError, UserError):
            return None


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
    decisions: dict[Version, Decision]
    failures: dict[Version, Failure]
    last_run: Run | None
    allowed: tuple[PromotionTarget, ...] = ()
    """Who may take its versions over."""


_R = TypeVar("_R", bound=Record)


def read(record: type[_R], text: bytes, key: str) -> _R:
    """Read a stored record.

    Raises:
        RegistryRefused: It is not what this release writes; the text names the key.
    """
    try:
        return record.of_bytes(text)
    except Malformed as error:
        raise foreign(key, str(error)) from None


def foreign(key: str, why: str) -> RegistryRefused:
    """Return the refusal of what stands at a key."""
    return RegistryRefused(
        f"Redis key {key}: written by another release, or not by Perennial: {why}"
    )
