"""Everything that one reconcile found out and decided, in one place for reporting. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from perennial_core.approval import Judgement
from perennial_core.decisions import Choice
from perennial_core.manifest import Manifest
from perennial_core.registry import Answer, Failure, Snapshot
from perennial_operator.build.deployment import Release
from perennial_operator.decide.rollout import LiveDeployment, RolloutPlan
from perennial_operator.decide.training import LastRun, Source, TrainingMemory


class Trouble(StrEnum):
    """Why a model is degraded, as the condition's reason."""

    REGISTRY_UNAVAILABLE = "RegistryUnavailable"
    REGISTRY_REFUSED = "RegistryRefused"
    API_REFUSED = "ApiRefused"
    INVALID_SPEC = "InvalidSpec"
    RUN_FAILED = "RunFailed"
    RUN_WAITS = "RunWaits"
    ROLLOUT_FAILED = "RolloutFailed"
    PIN_NOT_HELD = "PinNotHeld"
    VERSION_LOST = "VersionLost"
    PROMOTION_REFUSED = "PromotionRefused"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, for people."""

    trouble: Trouble
    message: str


@dataclass(frozen=True)
class RegistryState:
    """What the registry says of the model, and what follows for the choice of a version."""

    snapshot: Snapshot
    judgement: Judgement
    choice: Choice
    latest: Manifest | None
    target: Release | None

    @property
    def named(self) -> Release | None:
        """What the registry says that serves."""
        serving = self.snapshot.serving
        return Release(serving.version, serving.digest) if serving else None

    def latest_failure(self, serving: Release | None) -> Failure | None:
        """Return why the latest version does not serve, when its rollout failed."""
        if self.latest is None or (serving and serving.version == self.latest.version):
            return None
        return self.snapshot.failures.get(self.latest.version)

    def approved(self, release: Release) -> bool:
        """Return whether the registry may say that the release serves."""
        decision = self.judgement.decisions.get(release.version)
        manifest = self.judgement.manifests.get(release.version)
        return (
            decision is not None
            and manifest is not None
            and manifest.digest == release.digest
            and decision.verdict is Answer.APPROVED
        )

    def retains(self, release: Release) -> bool:
        """Return whether pods can load the release."""
        manifest = self.judgement.manifests.get(release.version)
        # a registry that lost its data numbers anew
        return manifest is not None and manifest.digest == release.digest


@dataclass(frozen=True)
class ModelState:
    """What a reconcile knows at its end."""

    training: TrainingMemory
    last_run: LastRun | None
    running: bool
    """Whether a run of the trainer is under way."""
    registry: RegistryState | None
    """None when the registry could not be read."""
    live: LiveDeployment | None
    plan: RolloutPlan
    problems: tuple[Problem, ...] = ()
    """What went wrong on the way."""
    source: Source | None = None
    """Of a promotion; None where it is not looked at from here."""
    requested_run: LastRun | None = None
    """How the run ended that a person asked for last; None: it has not."""
    note: str | None = None
    """What a person should know of the runs to come."""
