"""How times and scores stand in a status."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime


def timestamp(at: datetime) -> str:
    """Return a time of UTC as Kubernetes writes it, RFC 3339."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def scores_text(scores: Mapping[str, float | None]) -> dict[str, str]:
    """Return the scores that are numbers, as strings."""
    return {name: f"{score:.6g}" for name, score in scores.items() if score is not None}
