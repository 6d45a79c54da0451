"""``spec.rollout``: which version serves and how it gets there."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from perennial_core.resource.base import Part


class Approval(StrEnum):
    AUTOMATIC = "Automatic"
    MANUAL = "Manual"


class NewerCandidate(StrEnum):
    SUPERSEDE = "Supersede"
    KEEP = "Keep"


class RolloutSpec(Part):
    """Which version serves and how the predictors get to it."""

    approval: Approval = Approval.AUTOMATIC
    """Who lets a version serve that passed the gate: the operator, or with Manual a person."""
    on_newer_candidate: NewerCandidate = NewerCandidate.SUPERSEDE
    """What becomes of a version that awaits approval when a newer one passes the gate or awaits it
    too: Supersede takes it off the list, Keep leaves both to the person."""
    pinned_version: Annotated[int, Field(ge=1)] | None = None
    """Hold this version, whatever is published. Going back to an older version is setting this."""
    progress_deadline_seconds: Annotated[int, Field(ge=10, le=86400)] = 300
    """A rollout that makes no progress for so long goes back to the version that served before."""
    history_limit: Annotated[int, Field(ge=1, le=1000)] = 10
    """How many versions the registry retains, beside those that serve or are pinned."""
