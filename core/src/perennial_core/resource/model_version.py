"""The resource ``ModelVersion``: what is known of a version, and where a person decides on it."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from perennial_core.manifest import Answer
from perennial_core.resource.base import VALIDATIONS, Part, rule

MODEL_VERSION_KIND = "ModelVersion"
MODEL_VERSION_PLURAL = "modelversions"


def version_name(model: str, version: int) -> str:
    """Return the name of a version's ModelVersion."""
    return f"{model}-v{version}"


class DecisionSpec(Part):
    """A person's decision. It is made once, in the name of who makes it."""

    verdict: Answer
    by: Annotated[str, StringConstraints(min_length=1, max_length=253)]
    """The name of the user who decides, as `kubectl auth whoami` says it."""
    reason: Annotated[str, StringConstraints(max_length=1024)] = ""


class ModelVersionSpec(Part):
    """Which version this is, and what a person decided on it."""

    model_config = ConfigDict(
        json_schema_extra={
            VALIDATIONS: [
                rule(
                    "self.model == oldSelf.model && self.version == oldSelf.version",
                    "model and version say which version this is, and never change",
                ),
            ]
        }
    )

    model: Annotated[str, StringConstraints(min_length=1, max_length=52)]
    """The PredictionModel in the same namespace."""
    version: Annotated[int, Field(ge=1)]
    decision: DecisionSpec | None = None
    """Only while the version awaits approval, and only by who may `approve` the PredictionModel."""


class CheckStatus(Part):
    """What came of one condition of the gate."""

    outcome: str
    message: str


class GateStatus(Part):
    """What the version's evidence says to the gate as it is now."""

    outcome: str
    """Passed, Failed or Inconclusive."""
    checks: list[CheckStatus] = []


class ModelVersionStatus(Part):
    """What the registry says of the version; written by the operator alone."""

    state: str | None = None
    """Candidate, AwaitingApproval, Approved, Denied, Rejected, Serving, Superseded or Failed."""
    message: str | None = None
    """Why it is in this state."""
    digest: str | None = None
    promoted_from: str | None = None
    """The version of another model that this is, as the same bytes."""
    format: str | None = None
    created: Annotated[str | None, Field(json_schema_extra={"format": "date-time"})] = None
    metrics: dict[str, str] = {}
    """Scores on the holdout, by scikit-learn's scorer names."""
    incumbent_version: int | None = None
    """The version that served when this one was trained."""
    incumbent_metrics: dict[str, str] = {}
    """Its scores on the same holdout."""
    score: str | None = None
    """One metric, to look at: the first of the gate's, or of all."""
    gate: GateStatus | None = None
    decided_by: str | None = None
    """Who let it serve, or not: a user, or the gate."""
    decided_at: Annotated[str | None, Field(json_schema_extra={"format": "date-time"})] = None
    reason: str | None = None
    """Why they did."""
