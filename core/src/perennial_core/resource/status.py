"""``status``: what the operator reports."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from perennial_core.resource.base import KubernetesObject, Part


class Condition(Part):
    """One aspect of the model's state, as in Kubernetes' metav1.Condition."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str
    last_transition_time: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    observed_generation: int | None = None


class VersionStatus(Part):
    """A version, by number and content."""

    version: int
    digest: str


class LatestStatus(VersionStatus):
    """The latest published version."""

    created: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    format: str
    metrics: dict[str, str] = {}
    """Scores of the version on its holdout, by scikit-learn's scorer names."""


class RequestedRunStatus(Part):
    """The run that a person asked for last, and how it ended."""

    run_id: str
    outcome: Literal["Published", "Skipped", "Failed"] | None = None
    """Absent: it has not ended."""
    message: str | None = None
    ended: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None = None


class TrainingStatus(Part):
    """Which runs were started, and how the last one ended."""

    spec_hash: str | None = None
    """The training spec for which a run was last started at once."""
    requested: str | None = None
    """The last value of the annotation perennial.dev/train that was acted on."""
    requested_run: RequestedRunStatus | None = None
    """The run that it led to."""
    offered: str | None = None
    """The version of spec.promotion.from, and its digest, for which a run was last started, and
    over which version of its own."""
    last_run: str | None = None
    """The run that ended last."""
    outcome: Literal["Published", "Skipped", "Failed"] | None = None
    message: str | None = None
    """What came of it, and for a failed run why and what to do."""
    ended: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None = None


class SwapStatus(VersionStatus):
    """A version that the pods were told to change to."""

    since: Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class TrialStatus(VersionStatus):
    """A version that is tried beside the one that serves, or the last that was."""

    strategy: str
    step: int
    """From 1."""
    steps: int
    state: Literal["Running", "Waiting", "Passed", "Failed", "Ended"]
    since: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    """When the step began."""
    message: str
    """How it stands, or why it is over."""
    evidence: str | None = None
    """What was compared last, with its figures."""


class RolloutStatus(Part):
    """To what a failed rollout goes back, and what is not tried again."""

    template: KubernetesObject | None = None
    """The pod template that last rolled out completely."""
    version: int | None = None
    """The version that it serves."""
    digest: str | None = None
    failed_settings: str | None = None
    """Hash of settings that did not roll out; not tried again until spec.serving changes."""
    failure: str | None = None
    """What came of them."""
    pinned_version: int | None = None
    """The version that spec.rollout.pinnedVersion names."""
    pinned_generation: int | None = None
    """The generation of the resource that pinned it."""
    swapping: SwapStatus | None = None
    """With strategy HotSwap: the version that not all pods answer with yet."""
    trial: TrialStatus | None = None
    """With the strategies Canary and Shadow: the trial that is on, or the last one."""


class PredictionModelStatus(Part):
    """What the operator last saw and did; written by the operator alone."""

    observed_generation: int | None = None
    conditions: Annotated[
        list[Condition],
        Field(
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
            }
        ),
    ] = []
    serving: VersionStatus | None = None
    """The version that answers."""
    latest: LatestStatus | None = None
    replicas: int | None = None
    """Predictor pods."""
    ready_replicas: int | None = None
    selector: str | None = None
    """Label selector of the predictor pods, for autoscalers."""
    training: TrainingStatus | None = None
    rollout: RolloutStatus | None = None
