"""What all runs of a trainer have in common: when they start, and what they may use."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from typing import Annotated, Any

from pydantic import Field

from perennial_core.resource.base import Part, Quantity
from perennial_core.validation import Matching


class Resources(Part):
    """Compute resources of a container, as in a Pod."""

    requests: dict[str, Quantity] | None = None
    limits: dict[str, Quantity] | None = None


_CRON_FIELD = r"[0-9A-Za-z*/,?#-]+"


class RunSpec(Part):
    """When runs start, and what they may use."""

    schedule: (
        Annotated[
            str,
            Matching(
                rf"^(@(yearly|annually|monthly|weekly|daily|midnight|hourly)"
                rf"|{_CRON_FIELD}( +{_CRON_FIELD}){{4}})$",
                'a cron expression of five fields, such as "*/5 * * * *", or one like @hourly',
                max_length=128,
            ),
        ]
        | None
    ) = None
    """Cron expression of five fields. Absent: runs only at a change of what is trained or taken
    over, and when a person asks. The source of a promotion is watched in the same registry; another
    one is looked at by the schedule."""
    time_zone: Annotated[
        str,
        Matching(
            r"^[A-Za-z][A-Za-z0-9_+/-]*$",
            "the name of a time zone, such as Europe/Rome",
            max_length=64,
        ),
    ] = "Etc/UTC"
    """Time zone of the schedule, by its IANA name."""
    suspend: bool = False
    """Start no further runs but those that a person asks for; what serves goes on serving."""
    resources: Resources = Resources()
    """Resources of the trainer's container."""
    timeout_seconds: Annotated[int, Field(ge=1, le=604800)] = 3600
    """A run that takes longer is ended and counts as failed."""
    retries: Annotated[int, Field(ge=0, le=10)] = 2
    """How often a run is tried again after a failure that may pass by itself."""

    @abstractmethod
    def content_hash(self) -> str:
        """Return the hash of what decides what comes of a run."""


def short_hash(content: Any) -> str:
    """Return a short hash of JSON content, the same for the same content."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
