"""What is told of models and versions, wherever they are: the fields of ``-o json``."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from perennial_core.decisions import State
from perennial_core.identity import ModelKey

ON_THE_WAY = (State.CANDIDATE, State.AWAITING_APPROVAL, State.APPROVED)
"""The states of a version that may come to serve."""


class View(BaseModel):
    """What is told: immutable, camelCase in JSON, unknown fields passed over."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore"
    )


class CheckView(View):
    """What came of one condition of the gate."""

    outcome: str
    message: str


class GateView(View):
    """What a version's evidence says to the gate as it is now."""

    outcome: str
    checks: list[CheckView] = Field(default_factory=list)


class VersionView(View):
    """A version, by the names of a ModelVersion's status."""

    namespace: str
    model: str
    version: int
    state: str = ""
    message: str = ""
    score: str | None = None
    digest: str | None = None
    format: str | None = None
    created: datetime | None = None
    metrics: dict[str, str] = Field(default_factory=dict)
    incumbent_version: int | None = None
    incumbent_metrics: dict[str, str] = Field(default_factory=dict)
    gate: GateView | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    reason: str | None = None
    promoted_from: str | None = None
    """The version of another model that this is, as the same bytes."""


class ConditionView(View):
    """One condition of a model."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None
    observed_generation: int | None = None


class RunView(View):
    """A run of the trainer."""

    run_id: str
    outcome: str | None = None
    """None: it has not ended."""
    message: str = ""
    ended: datetime | None = None


class PodView(View):
    """A predictor."""

    name: str
    role: str = "predictor"
    """predictor, or canary or shadow: one that tries a version."""
    ready: bool
    version: int | None = None
    """What it should answer with; None: it follows the registry, and may be changing."""
    follows: bool = False
    """Whether it serves what the registry says, as that changes."""
    restarts: int = 0
    started: datetime | None = None


class ModelView(View):
    """A model, as much as a list tells."""

    namespace: str
    name: str
    ready: bool = False
    serving: int | None = None
    latest: int | None = None
    gate: str | None = None
    """What became of the latest version."""
    strategy: str
    """How a new version comes to serve."""
    cluster_strategy: str | None = None
    """Of a model on this machine: how it would in a cluster, which alone heeds the spec's."""
    pinned_version: int | None = None
    awaiting_approval: list[int] = Field(default_factory=list)
    message: str = ""
    """What is wrong, or what goes on; empty when all is well."""
    generation: int = 0
    conditions: list[ConditionView] = Field(default_factory=list)
    last_run: RunView | None = None
    """The one that ended last."""
    requested: str | None = None
    """The last request for a run that was acted on."""
    requested_run: RunView | None = None
    """The run that it led to."""
    trial: dict[str, Any] | None = None
    """What is known of a version on trial."""

    @property
    def key(self) -> ModelKey:
        return ModelKey(self.namespace, self.name)

    def condition(self, kind: str) -> ConditionView | None:
        """Return the condition of this type."""
        return next((item for item in self.conditions if item.type == kind), None)


class ModelDetails(ModelView):
    """A model, with all that belongs to it now."""

    versions: list[VersionView] = Field(default_factory=list)
    """Those on their way."""
    pods: list[PodView] = Field(default_factory=list)


class ImportView(View):
    """What became of an imported bundle."""

    model: str
    version: int
    digest: str
    promoted_from: str
    repeated: bool
    """Whether it was imported before."""


class VersionDetails(VersionView):
    """A version, with its manifest where that can be read."""

    manifest: dict[str, Any] | None = None
