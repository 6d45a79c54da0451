"""What is wanted, remembered and planned of a rollout. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from perennial_core.identity import Version
from perennial_operator.build.deployment import Release
from perennial_operator.decide.swap import Answers, Swap
from perennial_operator.decide.trial_record import Trial
from perennial_operator.kinds import Body


class Progress(StrEnum):
    """How far the Deployment is with the template that it has."""

    UNOBSERVED = "Unobserved"
    """Kubernetes has not looked at it yet since it was last changed."""
    PROGRESSING = "Progressing"
    COMPLETE = "Complete"
    FAILED = "Failed"
    """No progress for longer than its deadline."""
    SCALED_TO_ZERO = "ScaledToZero"


@dataclass(frozen=True)
class LiveDeployment:
    """What the cluster says of the Deployment."""

    template_hash: str
    progress: Progress
    uniform: bool
    """Whether every pod that there is has this template."""
    replicas: int
    ready: int
    answers: Answers = ()
    """What the ready pods answer with; asked of pods that follow the registry."""


@dataclass(frozen=True)
class Attempt:
    """A pod template, and the release that its pods are told or that the registry names them."""

    template: Body
    release: Release


@dataclass(frozen=True)
class Pin:
    """A version that the spec pins, and since which generation of the resource."""

    version: Version
    generation: int


@dataclass(frozen=True)
class RolloutMemory:
    """What is remembered from one reconcile to the next, in the model's status."""

    proven: Attempt | None = None
    """What last rolled out completely: the incumbent, to which a failed rollout goes back."""
    failed_settings: str | None = None
    """Hash of the settings that did not roll out; they are not tried again."""
    failure: str | None = None
    """What came of them."""
    pin: Pin | None = None
    """What the spec pins."""
    swap: Swap | None = None
    """The release that pods which follow the registry are changing to."""
    trial: Trial | None = None
    """The trial that is on, or the last one."""

    @property
    def trial_on(self) -> Trial | None:
        """The trial that is on."""
        incumbent = self.proven.release if self.proven else None
        return self.trial if self.trial and self.trial.is_on(incumbent) else None


@dataclass(frozen=True)
class Wish:
    """What should serve in the end."""

    release: Release | None
    """None: there is none to go to."""
    settings: Body
    """The pod template that the spec asks for, but for the release."""


class Phase(StrEnum):
    UNOBSERVED = "Unobserved"
    """It is known in a moment."""
    NOTHING_TO_SERVE = "NothingToServe"
    ROLLING_OUT = "RollingOut"
    ROLLED_OUT = "RolledOut"
    SCALED_TO_ZERO = "ScaledToZero"
    STUCK = "Stuck"
    """The deadline has passed and there is nothing to go back to."""


@dataclass(frozen=True)
class RolloutPlan:
    """What should be done about the Deployment."""

    phase: Phase
    memory: RolloutMemory
    attempt: Attempt | None = None
    """What the Deployment should have now; None: there is nothing to serve."""
    failed_release: Release | None = None
    """A release that just failed: once the registry knows, it is the target no more."""
    forgiven: bool = False
    """Whether a passed deadline is not held against what is rolled out."""
    look_again: float | None = None
    """In how many seconds to look again; None: when something happens."""


@dataclass(frozen=True)
class Clock:
    """By when a version has to serve."""

    now: datetime
    deadline: timedelta
    """``spec.rollout.progressDeadlineSeconds``."""

    def is_late(self, swap: Swap) -> bool:
        return self.now - swap.since >= self.deadline

    def seconds_left(self, swap: Swap) -> float:
        return max(1.0, (swap.since + self.deadline - self.now).total_seconds())
