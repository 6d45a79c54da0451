"""What is remembered of a trial: a version that is tried beside the one that serves."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from perennial_core.resource.rollout import Strategy
from perennial_operator.build.deployment import Release

TRIALS = (Strategy.CANARY, Strategy.SHADOW)
"""The strategies that try a version first."""


class TrialState(StrEnum):
    RUNNING = "Running"
    WAITING = "Waiting"
    """Its time is up, and there was too little traffic to tell."""
    PASSED = "Passed"
    """It is rolled out, or has been."""
    FAILED = "Failed"
    ENDED = "Ended"
    """Something else came first; nothing is held against the version."""


@dataclass(frozen=True)
class Trial:
    """The trial that is on, or the last one."""

    release: Release
    strategy: Strategy
    step: int
    """From 1; Shadow has one."""
    steps: int
    state: TrialState
    since: str
    """When the step began, RFC 3339."""
    message: str
    """How it stands, for people."""
    evidence: str | None = None
    """What came of the last comparison, with its figures."""

    @property
    def is_undecided(self) -> bool:
        return self.state in (TrialState.RUNNING, TrialState.WAITING)

    def is_on(self, incumbent: Release | None) -> bool:
        """Return whether it still has pods: until it is over, or its version rolled out."""
        passed = self.state is TrialState.PASSED and self.release != incumbent
        return self.is_undecided or passed
